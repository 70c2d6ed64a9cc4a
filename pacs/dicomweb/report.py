"""Structured reports as HTML or plain text: the whole content tree, readable. PS3.3 C.17.3, PS3.18 8.7.4.

Values are those of the stored, de-identified object, in HTML escaped. There is no script in it, and the answer forbids
any.
"""

import html
from collections.abc import Iterator

from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import name_of
from pacs.dicom.values import Charset, charset_of, first_text, numbers_of, text_of
from pacs.pixels import StoredFile

_MOST_DEPTH = 100
_HEADER = (
    (0x00100010, "Patient"),
    (0x00100020, "Patient ID"),
    (0x00100040, "Sex"),
    (0x00100030, "Birth date"),
    (0x00080020, "Study date"),
    (0x00081030, "Study"),
    (0x0008103E, "Series"),
    (0x00080023, "Content date"),
    (0x0040A491, "Completion"),
    (0x0040A493, "Verification"),
)
_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:1.5rem auto;padding:0 1rem}"
    "ul{list-style:none;padding-left:1.2rem;border-left:1px solid #ccc}li{margin:.25rem 0}"
    "table{border-collapse:collapse}th{text-align:left;padding-right:1rem;font-weight:normal;color:#555}"
    ".c{font-weight:600}.v{white-space:pre-wrap}.r{color:#777;font-size:.85em}"
)
_TEXTS = {"TEXT": 0x0040A160, "DATETIME": 0x0040A120, "DATE": 0x0040A121, "TIME": 0x0040A122, "PNAME": 0x0040A123}
_TEXTS["UIDREF"] = 0x0040A124
_NAME, _VALUES, _CODE, _CONTENT = 0x0040A043, 0x0040A300, 0x0040A168, 0x0040A730
_REFERENCED, _GRAPHIC_DATA, _GRAPHIC_TYPE = 0x00081199, 0x00700022, 0x00700023


def report_html(file: StoredFile) -> bytes:
    """The report as an HTML page in UTF-8."""
    data_set = file.data_set
    charset = charset_of(data_set)
    title = _title(data_set, charset)
    rows = "".join(f"<tr><th>{label}</th><td>{_safe(value)}</td></tr>" for label, value in _facts(data_set, charset))
    tree = "".join(_list(data_set, charset, 0, little_endian=file.encoding.little_endian))
    page = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{_safe(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{_safe(title)}</h1><table>{rows}</table>{tree}</body></html>"
    )
    return page.encode("utf-8", "replace")


def report_text(file: StoredFile) -> bytes:
    """The report as text in UTF-8: a line an item, indented as they are nested."""
    data_set = file.data_set
    charset = charset_of(data_set)
    lines = [_title(data_set, charset), "", *(f"{label}: {value}" for label, value in _facts(data_set, charset)), ""]
    lines += _text_lines(data_set, charset, 0, little_endian=file.encoding.little_endian)
    return "".join(f"{_printable(line)}\n" for line in lines).encode("utf-8", "replace")


def _text_lines(data_set: DataSet, charset: Charset, depth: int, *, little_endian: bool) -> Iterator[str]:
    if depth > _MOST_DEPTH:
        yield "There is more below, deeper than is shown."
        return
    for item in _items(data_set, _CONTENT):
        own = charset_of(item, charset)
        relation, name, value = _parts(item, own, little_endian=little_endian)
        said = ": ".join(each for each in (name, value) if each)
        blanks = "  " * depth
        yield blanks + said.replace("\n", f"\n{blanks}  ") + (f" ({relation})" if relation else "")
        yield from _text_lines(item, own, depth + 1, little_endian=little_endian)


def _title(data_set: DataSet, charset: Charset) -> str:
    return _meaning(data_set, _NAME, charset) or name_of(first_text(data_set, 0x00080016)) or "Report"


def _facts(data_set: DataSet, charset: Charset) -> Iterator[tuple[str, str]]:
    """What stands above the report: labels and values."""
    for tag, label in _HEADER:
        if value := first_text(data_set, tag, charset).replace("^", " ").strip():
            yield label, value
    for item in _items(data_set, 0x0040A073):
        name = first_text(item, 0x0040A075, charset_of(item, charset)).replace("^", " ")
        yield "Verified by", f"{name} {first_text(item, 0x0040A030)}".strip()


def _safe(text: str) -> str:
    return html.escape(_printable(text))


def _printable(text: str) -> str:
    return "".join(each for each in text if each.isprintable() or each in "\n\t")


def _items(data_set: DataSet, tag: int) -> list[DataSet]:
    element = data_set.get(tag)
    return element.items or [] if element is not None else []


def _meaning(data_set: DataSet, tag: int, charset: Charset) -> str:
    """The meaning of a code sequence's first item, else its value."""
    for item in _items(data_set, tag)[:1]:
        own = charset_of(item, charset)
        return next(
            (found for each in (0x00080104, 0x00080100, 0x00080119) if (found := first_text(item, each, own))), ""
        )
    return ""


def _list(data_set: DataSet, charset: Charset, depth: int, *, little_endian: bool) -> Iterator[str]:
    items = _items(data_set, _CONTENT)
    if not items:
        return
    if depth > _MOST_DEPTH:
        yield "<p>There is more below, deeper than is shown.</p>"
        return
    yield "<ul>"
    for item in items:
        own = charset_of(item, charset)
        yield f"<li>{_line(item, own, little_endian=little_endian)}"
        yield from _list(item, own, depth + 1, little_endian=little_endian)
        yield "</li>"
    yield "</ul>"


def _parts(item: DataSet, charset: Charset, *, little_endian: bool) -> tuple[str, str, str]:
    """How an item belongs to the one above (empty: as a part of it), its name, its value."""
    relation = first_text(item, 0x0040A010).lower()
    name, value = _meaning(item, _NAME, charset), _value(item, charset, little_endian=little_endian)
    return "" if relation == "contains" else relation, name, value


def _line(item: DataSet, charset: Charset, *, little_endian: bool) -> str:
    relation, name, value = _parts(item, charset, little_endian=little_endian)
    parts = [
        f'<span class="c">{_safe(name)}</span>' if name else "",
        f'<span class="v">{_safe(value)}</span>' if value else "",
    ]
    shown = ": ".join(each for each in parts if each)
    return f'{shown} <span class="r">{_safe(relation)}</span>' if relation else shown


def _value(item: DataSet, charset: Charset, *, little_endian: bool) -> str:
    kind = first_text(item, 0x0040A040).upper()
    if kind in _TEXTS:
        element = item.get(_TEXTS[kind])
        text = text_of(element, charset) if element is not None and element.items is None else ""
        return text.replace("^", " ").strip() if kind == "PNAME" else text
    if kind in ("NUM", "CODE"):
        return _measured(item, charset) if kind == "NUM" else _meaning(item, _CODE, charset)
    if kind in ("IMAGE", "COMPOSITE", "WAVEFORM"):
        return _referenced(item)
    if kind in ("SCOORD", "SCOORD3D", "TCOORD"):
        return _coordinates(item, little_endian=little_endian)
    reference = item.get(0x0040DB73)
    if reference is not None:
        return "see item " + ".".join(str(each) for each in numbers_of(reference, little_endian=little_endian))
    return ""


def _measured(item: DataSet, charset: Charset) -> str:
    for measured in _items(item, _VALUES)[:1]:
        unit = next((first_text(each, 0x00080100, charset) for each in _items(measured, 0x004008EA)), "")
        number = first_text(measured, 0x0040A30A)
        return f"{number} {unit}".strip() if unit != "1" else number
    return _meaning(item, 0x0040A301, charset) or "no value"


def _referenced(item: DataSet) -> str:
    found = []
    for each in _items(item, _REFERENCED):
        frames = text_of(each[0x00081160]).replace("\\", ", ") if 0x00081160 in each else ""
        kind = name_of(first_text(each, 0x00081150)) or first_text(each, 0x00081150)
        found.append(f"{kind} {first_text(each, 0x00081155)}" + (f", frames {frames}" if frames else ""))
    return "; ".join(found)


def _coordinates(item: DataSet, *, little_endian: bool) -> str:
    kind = first_text(item, _GRAPHIC_TYPE) or first_text(item, 0x0040A130)
    data = item.get(_GRAPHIC_DATA)
    points = numbers_of(data, little_endian=little_endian) if data is not None else []
    text = ", ".join(f"{each:g}" for each in points[:60])
    return f"{kind} {text}{' ...' if len(points) > 60 else ''}".strip()
