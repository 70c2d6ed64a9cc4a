"""Pictures as files: JPEG, PNG, GIF, JPEG 2000, and MP4 where an ffmpeg is installed."""

import io
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image as Pillow

from pacs.errors import NotAcceptable
from pacs.pixels.image import Array

JPEG, PNG, GIF, JP2, MP4 = "image/jpeg", "image/png", "image/gif", "image/jp2", "video/mp4"
_NAMES = {JPEG: "JPEG", PNG: "PNG", GIF: "GIF", JP2: "JPEG2000"}
DEFAULT_QUALITY = 90
_FULL_COLOUR_QUALITY = 90  # from here on chrominance is not thinned out
_FFMPEG_S = 300


def still(picture: Array, media_type: str, quality: int | None = None, profile: bytes | None = None) -> bytes:
    """One picture, grey (rows, columns) or RGB (rows, columns, 3). `quality` is 1 to 100, for JPEG and JPEG 2000.

    JPEG is baseline of 8 bits; PNG is without loss; JPEG 2000 without loss unless a quality below 100 is given.
    """
    if media_type not in (JPEG, PNG, GIF, JP2):
        raise NotAcceptable("pictures are sent as JPEG, PNG, GIF or JPEG 2000")
    image = Pillow.fromarray(np.ascontiguousarray(picture))
    options: dict[str, Any] = {"icc_profile": profile} if profile and media_type in (JPEG, PNG) else {}
    if media_type == JPEG:
        quality = quality or DEFAULT_QUALITY
        options |= {"quality": quality, "subsampling": 2 if quality < _FULL_COLOUR_QUALITY else 0}
    elif media_type == PNG:
        options["compress_level"] = 1
    elif media_type == JP2 and quality not in (None, 100):
        rates = [max(100.0 / (quality or 1), 1.0)]
        options |= {"irreversible": True, "quality_mode": "rates", "quality_layers": rates}
    out = io.BytesIO()
    try:
        image.save(out, _NAMES[media_type], **options)
    except (OSError, ValueError):  # JPEG and GIF have no pictures of more than 65,500 pixels a side
        raise NotAcceptable("the picture is too large for this type") from None
    return out.getvalue()


def animated(pictures: Iterable[Array], frame_ms: float) -> bytes:
    """Pictures of one size as an endless GIF."""
    images = (Pillow.fromarray(np.ascontiguousarray(each)) for each in pictures)
    first = next(images)
    out = io.BytesIO()
    # GIF counts hundredths of a second, and viewers slow down what is quicker than 20 ms.
    duration = max(int(frame_ms / 10 + 0.5) * 10, 20)
    first.save(out, "GIF", save_all=True, append_images=images, duration=duration, loop=0)
    return out.getvalue()


@lru_cache(maxsize=1)
def ffmpeg() -> str | None:
    """The path of ffmpeg, or None."""
    return shutil.which("ffmpeg")


def video(pictures: Iterable[Array], frame_ms: float) -> bytes:
    """Pictures of one size as H.264 in MP4. Raises `NotAcceptable` without ffmpeg, or when it fails."""
    program = ffmpeg()
    if program is None:
        raise NotAcceptable("video is not made here, as the server has no ffmpeg")
    frames = iter(pictures)
    first = next(frames)
    rows, columns = first.shape[:2]
    kind = "gray" if first.ndim == 2 else "rgb24"
    with tempfile.TemporaryDirectory(prefix="pacs-video-") as folder:
        target = Path(folder) / "video.mp4"
        command = [program, "-v", "error", "-f", "rawvideo", "-pix_fmt", kind, "-s", f"{columns}x{rows}"]
        command += ["-r", f"{1000 / max(frame_ms, 1):.3f}", "-i", "-", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"]
        command += ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(target)]
        _run(command, chain([first], frames))
        return target.read_bytes()


def _run(command: list[str], frames: Iterator[Array]) -> None:
    """Give ffmpeg its frames; it is ended when it takes too long."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        timer = threading.Timer(_FFMPEG_S, process.kill)
        timer.start()
        try:
            _feed(process.stdin, frames)
            if process.wait():
                raise NotAcceptable("the video could not be made")
        finally:
            timer.cancel()
            if process.poll() is None:
                process.kill()


def _feed(sink: IO[bytes] | None, frames: Iterator[Array]) -> None:
    if sink is None:
        return
    try:
        for each in frames:
            sink.write(np.ascontiguousarray(each).tobytes())
        sink.close()
    except BrokenPipeError:
        raise NotAcceptable("the video could not be made") from None
