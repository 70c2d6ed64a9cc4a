"""An original and a result that a de-identifier got wrong, in one line."""

from typing import Any

from pacs.dicom.elements import PIXEL_TAGS, DataSet
from pacs.dicom.syntaxes import Encoding
from pacs.leakcheck import Context, check
from tests.dicom.raw_objects import EXPLICIT, encoded, raw

Planted = tuple[int, str, Any]
MODEL, KERNEL, NAME, PATIENT_ID = 0x00081090, 0x00181210, 0x00100010, 0x00100020


def found(
    original: DataSet | list[Planted],
    result: DataSet | list[Planted],
    context: Context | None = None,
    encoding: Encoding = EXPLICIT,
) -> set[tuple[str, str]]:
    """(path, rule) of every finding."""
    before = original if isinstance(original, DataSet) else raw(*original)
    after = result if isinstance(result, DataSet) else raw(*result)
    header = DataSet({tag: element for tag, element in after.items() if tag not in PIXEL_TAGS})
    findings = check(before, after, encoding, encoded(header, encoding), context)
    return {(finding.path, finding.rule) for finding in findings}


def rules(*args: Any, **kwargs: Any) -> set[str]:
    """The rules that found something."""
    return {rule for _path, rule in found(*args, **kwargs)}
