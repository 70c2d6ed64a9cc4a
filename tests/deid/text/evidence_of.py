"""Evidence for tests: of a small object with an identity, or of one made of given elements."""

from datetime import date, timedelta

from pacs.deid.text import Evidence, Strength
from pacs.dicom.elements import DataSet

FULL, KNOWN = Strength.FULL, Strength.KNOWN
DAYS = 1000


def data_set(*elements, charset="ISO_IR 192"):
    """A data set of (tag, VR, text) triples."""
    out = DataSet()
    out.put(0x00080005, "CS", charset.encode())
    for tag, vr, value in elements:
        out.put(tag, vr, value.encode() if isinstance(value, str) else value)
    return out


def shift(day: date) -> date | None:
    """1000 days back; dates before 1900 are out of range."""
    return day - timedelta(days=DAYS) if day.year >= 1900 else None


def evidence_of(*elements, moved=shift, **more):
    """Evidence of given elements; UIDs become 2.25.1."""
    return Evidence(data_set(*elements), lambda _uid: "2.25.1", moved, **more)


def smith(**more):
    """Evidence of a patient whose names are nobody else's words."""
    return evidence_of(
        (0x00080020, "DA", "20200115"),
        (0x00080050, "SH", "ACC99871"),
        (0x00080080, "LO", "Springfield General Hospital"),
        (0x00080090, "PN", "Kowalski^Zbigniew^^Dr"),
        (0x00081010, "SH", "CTSCAN77"),
        (0x00100010, "PN", "SMITH^JOHN^QUENTIN"),
        (0x00100020, "LO", "MRN-0012345678"),
        (0x00100030, "DA", "19600101"),
        (0x0020000D, "UI", "1.2.3.4.5.678"),
        **more,
    )


def named(*names, **more):
    """Evidence of an object with nothing but names of people."""
    return evidence_of(*((0x00100010 + 0x90 * number, "PN", name) for number, name in enumerate(names)), **more)


def cleaned(evidence, text, strength=FULL, vr="LO"):
    """The cleaned text."""
    return evidence.clean(text, strength, vr).text
