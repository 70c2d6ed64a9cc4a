"""``python -m tests.fuzz.seeds FOLDER`` writes inputs to begin with: one valid thing of each kind."""

import sys
from pathlib import Path

from pacs.dicom.fileformat import read_start
from pacs.dicom.syntaxes import EXPLICIT_LE, IMPLICIT_LE
from pacs.dimse.messages import encode_command, pdus
from tests.builders import CT, ct_bytes
from tests.wire.peers import STUDY_ROOT, VERIFICATION, associate_rq, identifier

ECHO: dict[int, int | str] = {2: VERIFICATION, 0x0100: 0x30, 0x0110: 1, 0x0800: 0x0101}
RELEASE = bytes.fromhex("05000000000400000000")


def seeds() -> list[bytes]:
    """In the order of the fuzz target's table."""
    content = ct_bytes()
    data_set = content[read_start(content).data_set_offset :]
    keys = identifier(level="SERIES", StudyInstanceUID="1.2.3", PatientName="A*^?", StudyDate="20200101-", Modality="")
    encoded = _implicit(keys)
    echo = b"".join(map(bytes, pdus(1, encode_command(ECHO), 16384, is_command=True)))
    pieces = [echo[12:], encode_command({2: CT, 0x0100: 1, 0x0110: 1, 0x0800: 1, 0x1000: "1.2.3"})]
    ask = associate_rq([(VERIFICATION, [IMPLICIT_LE]), (f"{STUDY_ROOT}1", [EXPLICIT_LE])])
    found = [ask + echo + RELEASE, echo + RELEASE, encoded, encoded, data_set, ask[6:], echo[6:], pieces[1], encoded]
    return [bytes([number]) + each for number, each in enumerate(found)]


def _implicit(keys: object) -> bytes:
    from pydicom.dataset import Dataset
    from pynetdicom.dsutils import encode

    assert isinstance(keys, Dataset)
    return encode(keys, is_implicit_vr=True, is_little_endian=True) or b""


if __name__ == "__main__":
    for number, each in enumerate(seeds()):
        (Path(sys.argv[1]) / f"seed-{number}").write_bytes(each)
