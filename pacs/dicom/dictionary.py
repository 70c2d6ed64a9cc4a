"""The data dictionary of PS3.6, as fast look-ups over pydicom's copy."""

from functools import cache

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.datadict import tag_for_keyword

# VR by tag; where PS3.6 leaves a choice, the one that fits an unknown context. `pixel_vr` in elements.py decides US/SS.
_CHOICE = {"US or SS": "US", "OB or OW": "OW", "US or SS or OW": "US", "US or OW": "US"}
VR_OF: dict[int, str] = {tag: _CHOICE.get(entry[0], entry[0]) for tag, entry in DicomDictionary.items()}
KEYWORD_OF: dict[int, str] = {tag: entry[4] for tag, entry in DicomDictionary.items() if entry[4]}
US_OR_SS = frozenset(tag for tag, entry in DicomDictionary.items() if "SS" in entry[0].split(" or "))

KNOWN_VRS = frozenset(
    "AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split()
)


@cache
def _repeater_vr(tag: int) -> str | None:
    """VR of a repeating group element (50xx, 60xx, 7Fxx and a few others)."""
    text = f"{tag:08X}"
    for mask, entry in RepeatersDictionary.items():
        if all(m in ("x", t) for m, t in zip(mask.upper().replace("X", "x"), text, strict=True)):
            return _CHOICE.get(entry[0], entry[0])
    return None


def vr_of(tag: int) -> str:
    """VR of a tag by PS3.6; ``UN`` when unknown, ``LO`` for private creators, ``UL`` for group lengths. PS3.5 7.8.1."""
    known = VR_OF.get(tag)
    if known is not None:
        return known if known in KNOWN_VRS else "UN"
    if tag & 0xFFFF == 0:
        return "UL"
    if tag & 0x10000:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"
    return _repeater_vr(tag) or "UN"


@cache
def tag_of(keyword: str) -> int:
    """Tag of a DICOM keyword. Raises KeyError for an unknown one."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag


def is_private(tag: int) -> bool:
    """Whether the group is odd. PS3.5 7.8."""
    return bool(tag & 0x10000)
