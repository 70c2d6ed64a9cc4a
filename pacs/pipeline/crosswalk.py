"""Old and new identifiers of one object, for the vault or the operator's own file."""

from pacs.deid import Result
from pacs.dicom.elements import DataSet
from pacs.dicom.values import charset_of, first_text
from pacs.model import CrosswalkRow

_PATIENT_ID, _ISSUER, _NAME, _ACCESSION = 0x00100020, 0x00100021, 0x00100010, 0x00080050
_KINDS = {"sop": 0x00080018, "study": 0x0020000D, "series": 0x0020000E}


def crosswalk_rows(original: DataSet, result: Result) -> tuple[CrosswalkRow, ...]:
    """Every UID that changed, words removed in doubt, the accession number's study, and the patient. Identified."""
    kinds = {_text(original, tag): kind for kind, tag in _KINDS.items()}
    rows = [CrosswalkRow(kinds.get(old, "uid"), old, new) for old, new in result.uid_map.items()]
    rows += [CrosswalkRow("doubt", f"{doubt.word} at {doubt.path}", doubt.path) for doubt in result.doubts]
    accession = _text(original, _ACCESSION)
    rows += [CrosswalkRow("accession", accession, result.study_uid)] if accession else []
    extra = {
        "issuer": _text(original, _ISSUER),
        "name": _text(original, _NAME),
        "new_name": result.patient_name,
        "date_shift_days": str(result.date_shift_days),
    }
    return (*rows, CrosswalkRow("patient", _text(original, _PATIENT_ID), result.patient_id, extra))


def _text(original: DataSet, tag: int) -> str:
    """An original value as people read it."""
    return first_text(original, tag, charset_of(original))
