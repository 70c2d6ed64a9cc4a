"""Large objects pass through memory a part at a time."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.builders import file_bytes
from tests.pixels.pictures import as_object

MB = 1024**2


def multi_frame(path: Path, megabytes: int) -> None:
    """A native CT object of frames of noise, written without ever being in memory as a whole."""
    frame = np.random.default_rng(1).integers(0, 900, (512, 512)).astype("<u2")
    count = megabytes * MB // frame.nbytes
    ds = as_object(frame, SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1", BitsStored=12, HighBit=11, NumberOfFrames=count)
    whole = file_bytes(ds)
    at = whole.rindex(frame.tobytes())
    with path.open("wb") as file:
        file.write(whole[: at - 4] + (count * frame.nbytes).to_bytes(4, "little"))
        for number in range(count):
            file.write(np.roll(frame, number, 0).tobytes())
        file.write(whole[at + frame.nbytes :])


def peak_bytes(folder: Path, megabytes: int) -> int:
    """The largest memory of a process that de-identifies such an object, mapped pages included."""
    folder.mkdir()
    multi_frame(folder / "in.dcm", megabytes)
    command = [sys.executable, "-m", "pacs", "deid", str(folder / "in.dcm"), str(folder / "out"), "--jobs", "1"]
    command += ["--key-file", str(folder / "key")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    (result,) = (folder / "out").rglob("*.dcm")
    assert result.stat().st_size > megabytes * MB
    result.unlink()
    (folder / "in.dcm").unlink()
    return usage.ru_maxrss * 1024


@pytest.mark.long
def test_memory_does_not_grow_with_frames(tmp_path):
    small, large = peak_bytes(tmp_path / "small", 16), peak_bytes(tmp_path / "large", 600)
    assert large - small < 200 * MB
