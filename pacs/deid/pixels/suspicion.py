"""Whether an object may have text burned into its pixels, and the way it is treated for that.

What the object says of itself decides first: its class, kind, origin. An incoming BurnedInAnnotation of NO proves
nothing (PS3.3 C.7.6.1.1.5), so every other image is looked at by `glyphs.has_glyphs`, original CT and MR too.
"""

from typing import NamedTuple

from pacs.dicom.elements import DataSet
from pacs.dicom.values import first_text, text_of
from pacs.pixels.image import Format

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_CAPTURE = frozenset(_STORAGE + n for n in ("7", "7.1", "7.2", "7.3", "7.4"))
_ULTRASOUND = frozenset(_STORAGE + n for n in ("3", "3.1", "6", "6.1", "6.2", "6.3"))
_PHOTOGRAPHS = frozenset(_STORAGE + n for n in ("77.1.1", "77.1.2", "77.1.4", "77.1.5.1", "77.1.5.2", "77.1.7"))
# Pixels that are classes, doses or parameters, not a picture that anybody draws text into.
NO_PICTURE = frozenset(_STORAGE + n for n in ("66.4", "66.7", "30", "481.2"))
_CAPTURE_MODALITIES = frozenset("US IVUS OT SC XC DOC ES GM SR KO".split())
_SLICES = frozenset("CT MR PT NM".split())
_CAPTURE_DEVICE = (0x00181010, 0x00181012, 0x00181014, 0x00181016, 0x00181018, 0x00181019, 0x0018101A, 0x0018101B)
CONVERSION_TYPE, BURNED_IN, IMAGE_TYPE, MODALITY, SOP_CLASS = 0x00080064, 0x00280301, 0x00080008, 0x00080060, 0x00080016
US_REGIONS, LABEL_IN_IMAGE = 0x00186011, 0x00480010
_SAVES = ("SCREEN", "SAVE", "CAPTURE", "DOSE", "REPORT", "SUMMARY", "PROTOCOL", "TABLE", "GRAPH")


# Why an image is suspected, the first that holds.
SAYS_SO, CAPTURE, ULTRASOUND, SAVED = "says that text is burned in", "secondary capture", "ultrasound", "screen save"
PHOTOGRAPH, CAPTURED, COLOUR = "photograph or capture", "names a capture device", "slice in colour"
REASONS = (SAYS_SO, CAPTURE, ULTRASOUND, SAVED, PHOTOGRAPH, CAPTURED, COLOUR)


class Suspicion(NamedTuple):
    """`reason` says why an object is read whatever it looks like, empty when it is not; `paper`: scanned paper."""

    reason: str
    paper: bool = False
    label: bool = False


def suspicion_of(data_set: DataSet, found: Format) -> Suspicion:
    """Judge an object by its elements. It takes the original's, before any of them was cleaned."""
    kinds = {value.strip().upper() for value in _values(data_set, IMAGE_TYPE)}
    paper = first_text(data_set, CONVERSION_TYPE).strip().upper() == "SD"
    label = "LABEL" in kinds or first_text(data_set, LABEL_IN_IMAGE).strip().upper() == "YES"
    return Suspicion(_reason(data_set, found, kinds), paper, label)


def _reason(data_set: DataSet, found: Format, kinds: set[str]) -> str:
    sop_class = first_text(data_set, SOP_CLASS)
    modality = first_text(data_set, MODALITY).strip().upper()
    in_colour = found.samples > 1 or found.photometric == "PALETTE COLOR"
    reasons = {
        SAYS_SO: first_text(data_set, BURNED_IN).strip().upper() == "YES",
        CAPTURE: sop_class in _CAPTURE or bool(first_text(data_set, CONVERSION_TYPE).strip()),
        ULTRASOUND: sop_class in _ULTRASOUND or US_REGIONS in data_set,
        SAVED: any(word in kind for kind in kinds for word in _SAVES),
        PHOTOGRAPH: sop_class in _PHOTOGRAPHS or modality in _CAPTURE_MODALITIES,
        CAPTURED: any(data_set[tag].value for tag in _CAPTURE_DEVICE if tag in data_set),
        COLOUR: modality in _SLICES and in_colour,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _values(data_set: DataSet, tag: int) -> list[str]:
    element = data_set.get(tag)
    return text_of(element).split("\\") if element is not None and element.items is None else []
