"""Lines of text on pictures. PS3.18 8.3.5.1.1. All values are those of the stored, de-identified object."""

from pacs.dicom.elements import DataSet
from pacs.dicom.values import first_text

_PATIENT = ((0x00100010, ""), (0x00100020, ""), (0x00100040, ""), (0x00100030, "born "), (0x00080020, "studied "))
_TECHNIQUE = (
    (0x00080060, "", ""),
    (0x0008103E, "", ""),
    (0x00180060, "", " kV"),
    (0x00181152, "", " mAs"),
    (0x00180080, "TR ", " ms"),
    (0x00180081, "TE ", " ms"),
    (0x00180050, "slice ", " mm"),
    (0x00200013, "image ", ""),
)


def lines_of(data_set: DataSet, kinds: tuple[str, ...]) -> list[str]:
    """What stands in the corner of a picture; `kinds` are `patient` and `technique`."""
    lines: list[str] = []
    if "patient" in kinds:
        lines += [_line(data_set, tag, before, "") for tag, before in _PATIENT]
    if "technique" in kinds:
        lines += [_line(data_set, *row) for row in _TECHNIQUE]
    return [each for each in lines if each]


def _line(data_set: DataSet, tag: int, before: str, after: str) -> str:
    text = first_text(data_set, tag).replace("^", " ").split("=")[0].strip()
    shown = "".join(each for each in text if each.isprintable())
    return f"{before}{shown}{after}" if shown else ""
