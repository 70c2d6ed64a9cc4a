"""One function for each kind of check: given input and output, what is wrong, or nothing.

A box is hidden when its text has lost its contrast against what is around it, column by column: that is stricter than
an OCR engine, and needs none.
"""

import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from tests.deid.corpus.key import Kind
from tests.deid.corpus.outputs import Case, as_text, day_of, decoded, file_bytes, find
from tests.deid.corpus.pixels import Array
from tests.deid.corpus.planted import tag_path

Wrong = str | None
_MARGIN = 1.3  # of a text's height, around its box: an OCR engine's boxes are generous, and redaction is padded
_CODECS: tuple[str, ...] = (
    "latin-1",
    "utf-8",
    "utf-16-le",
    "utf-16-be",
    "iso2022_jp",
    "euc_kr",
    "gb18030",
    "iso8859_2",
    "iso8859_5",
)
_CODECS += ("iso8859_6", "iso8859_7", "iso8859_8")


def holds(text: str, token: str) -> int:
    """How often a token stands in a text, case folded; a short one (up to 5 signs) only as a whole word."""
    if not token:
        return 0
    pattern = re.escape(token.casefold())
    if len(token) <= 5:
        pattern = rf"(?<![^\W_]){pattern}(?![^\W_])"
    return len(re.findall(pattern, text.casefold()))


def tag_retained(case: Case) -> Wrong:
    """The value is as it was."""
    old, new = case.old(), case.new()
    if new is None:
        return "gone"
    if isinstance(old, bytes):
        return None if bytes(old).rstrip(b"\0 ") == bytes(new).rstrip(b"\0 ") else "changed"
    return None if as_text(old).strip() == as_text(new).strip() else "changed"


def text_notnull(case: Case) -> Wrong:
    """There is a value."""
    return None if case.new_text().strip() else "empty or gone"


def text_retained(case: Case) -> Wrong:
    """Every word is there, as often as it should."""
    return _missing(case.new_text(), case.row.expected)


def _missing(text: str, words: Iterable[list[Any]]) -> Wrong:
    for word, count in words:
        bounded = rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])"
        if len(re.findall(bounded, text)) < count:
            return f"word {word!r} gone"
    return None


def text_removed(case: Case) -> Wrong:
    """No token is left; without tokens the element must be gone or empty."""
    if case.row.expected:
        return _left(case.new_text(), case.row.expected)
    new = case.new()
    return None if new is None or len(as_text(new).strip("\0 ")) == 0 else "not empty"


def _left(text: str, tokens: Iterable[list[Any]]) -> Wrong:
    for token, at_most in tokens:
        if holds(text, token) > at_most:
            return f"token {token!r} left"
    return None


def date_shifted(case: Case) -> Wrong:
    """The date, or the date in the text, is the old one moved by the person's shift; its time and zone are the same."""
    days = case.world.shifts.get(case.person)
    if not days:
        return "no shift"
    wanted = case.row.expected
    if wanted:
        return _shifted_in_text(case.new_text(), wanted, days)
    old, new = str(case.old()), case.new()
    start = day_of(old)
    if start is None or new is None or not str(new):
        return "gone"
    length = len(re.match(r"[\d.]*", old[:10])[0].replace(".", "")[:8]) if old else 8  # type: ignore[index]
    moved = (start + timedelta(days=days)).strftime("%Y%m%d")[:length]
    tail = old[10:] if old[4:5] == "." else old[length:]
    written = str(new).replace(".", "", 2) if old[4:5] == "." else str(new)
    return None if written == moved + tail else "not the shifted date"


def _shifted_in_text(text: str, wanted: dict[str, str], days: int) -> Wrong:
    moved = date.fromisoformat(wanted["day"]) + timedelta(days=days)
    if moved.strftime(wanted["format"]) not in text:
        return "the shifted date is not in the text"
    return "the old date is in the text" if wanted["written"] in text else None


def uid_changed(case: Case) -> Wrong:
    """Another valid UID."""
    new = case.new_text()
    if not re.fullmatch(r"[0-2](\.(0|[1-9]\d*))+", new) or len(new) > 64:
        return "no UID"
    return "the same UID" if new == as_text(case.old()) else None


def uid_consistent(case: Case) -> Wrong:
    """One new UID for one old one, everywhere, and the crosswalk says the same."""
    old, new = as_text(case.old()), case.new_text()
    if not new:
        return "gone"
    if len(case.world.new_uids[old]) != 1 or len(case.world.old_uids[new]) != 1:
        return "not one to one"
    return "not as in the crosswalk" if case.world.uids.get(old, new) != new else None


def patid_consistent(case: Case) -> Wrong:
    """One new id for a person, and one person for an id."""
    new = str(case.after.get("PatientID", ""))
    if not new or new == case.world.key.patient_ids[case.row.file]:
        return "no new id"
    one = len(case.world.new_ids[case.person]) == 1 and len(case.world.people_of[new]) == 1
    return None if one else "not one to one"


def pixels_hidden(case: Case) -> Wrong:
    """The text in the box cannot be read in any frame."""
    left, top, right, bottom = case.row.expected["box"]
    before, after = decoded(case.before_path), decoded(case.after_path)
    step = max(4, (bottom - top) // 2)
    for old, new in zip(_grey(before), _grey(after), strict=True):
        for start in range(left, right, step):
            area = np.s_[top:bottom, start : min(start + step, right)]
            was, now = old[area].astype(float), new[area].astype(float)
            ink = _ink(was, old)
            if not ink.any() or ink.all():
                continue
            if abs(now[ink].mean() - now[~ink].mean()) > 0.15 * abs(was[ink].mean() - was[~ink].mean()):
                return "text can be read"
    return None


def _ink(area: Array, frame: Array) -> Array:
    """Where letters are: the brightest pixels of a dark frame, the darkest of a bright one; none without letters."""
    low, high = float(frame.min()), float(frame.max())
    if np.median(frame) > (low + high) / 2:
        ink: Array = area < low + 0.3 * (high - low)
    else:
        ink = area > high - 0.3 * (high - low)
    return ink


def _grey(frames: Array) -> Array:
    return frames if frames.ndim == 3 else frames[..., 0]


def pixels_retained(case: Case) -> Wrong:
    """The pixels are the same: in one box, or everywhere but in some boxes."""
    if "PixelData" not in case.after:
        return "no pixels"
    if int(case.before.get("BitsAllocated", 0)) == 1:
        size = -(-int(case.before.Rows) * int(case.before.Columns) // 8)
        return None if case.before.PixelData[:size] == case.after.PixelData[:size] else "pixels changed"
    before, after = decoded(case.before_path), decoded(case.after_path)
    if before.shape != after.shape:
        return "another shape"
    if isinstance(case.row.expected, dict):
        left, top, right, bottom = case.row.expected["box"]
        same = _same(before[:, top:bottom, left:right], after[:, top:bottom, left:right])
        return None if same else "a mark that must stay is changed"
    outside = np.ones(before.shape[1:3], bool)
    for left, top, right, bottom in case.row.expected:
        margin = int((bottom - top) * _MARGIN) + 1
        outside[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin] = False
    return None if _same(before[:, outside], after[:, outside]) else "pixels changed"


def _same(before: Array, after: Array) -> bool:
    """Identical; colours within 2, since a change of colour space rounds."""
    if before.ndim == 2 or before.shape[-1] != 3:
        return np.array_equal(before, after)
    return bool((np.abs(before.astype(int) - after.astype(int)) <= 2).all())


def date_intervals(case: Case) -> Wrong:
    """All dates moved by the same number of days."""
    moves = set()
    for path in case.row.expected:
        old, new = find(case.before, tag_path(path)), find(case.after, tag_path(path))
        start = day_of(str(old.value)) if old is not None else None
        end = day_of(str(new.value)) if new is not None else None
        if start is None or end is None:
            return "a date is gone"
        moves.add((end - start).days)
    return None if len(moves) == 1 and moves != {0} else "intervals changed"


def raw_bytes(case: Case) -> Wrong:
    """No token in the file's bytes, in any encoding; `path` meta and preamble look there only."""
    content = file_bytes(case.after_path)
    where, tokens = case.row.path, list(case.row.expected)
    if where == "preamble":
        return "bytes in the preamble" if any(content[:128]) else _in_bytes(content[:128], tokens)
    if where == "meta":
        return _in_bytes(content[: 144 + int.from_bytes(content[140:144], "little")], tokens)
    if not tokens:
        tokens = [*case.world.key.tokens[case.row.file]]
        tokens += [str(case.before[k].value) for k in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")]
    return _in_bytes(content, tokens)


def _in_bytes(content: bytes, tokens: list[str]) -> Wrong:
    folded = content.lower()
    for token in tokens:
        for spelling in {token, token.lower(), token.upper()}:
            for codec in _CODECS:
                try:
                    raw = spelling.encode(codec)
                except UnicodeEncodeError:
                    continue
                if len(raw) >= 5 and (raw in content or raw.lower() in folded):
                    return f"token {token!r} in the bytes"
    return None


def _content(ds: Dataset) -> Iterable[Dataset]:
    for item in ds.get("ContentSequence", ()) or ():
        yield item
        yield from _content(item)


def _of_concept(case: Case, concept: str) -> list[Dataset]:
    def value_of(item: Dataset) -> str:
        names = item.get("ConceptNameCodeSequence") or ()
        return str(names[0].get("CodeValue", "")) if names else ""

    return [item for item in _content(case.after) if value_of(item) == concept]


def sr_content_kept(case: Case) -> Wrong:
    """An item of the concept holds what it should: words, a number, a code, points, a mapped reference, a date."""
    wanted = case.row.expected
    found = _of_concept(case, wanted["concept"])
    if not found:
        return "the item is gone"
    return None if any(_item_holds(case, item, wanted) for item in found) else "its value is gone or changed"


def _item_holds(case: Case, item: Dataset, wanted: dict[str, Any]) -> bool:
    kind = next(name for name in wanted if name != "concept")
    return _HOLDS[kind](case, item, wanted[kind])


def _told(item: Dataset) -> str:
    return "\n".join(str(item.get(keyword, "")) for keyword in ("TextValue", "Date", "Time", "DateTime"))


def _has_number(case: Case, item: Dataset, wanted: str) -> bool:
    del case
    measured = item.get("MeasuredValueSequence") or []
    return bool(measured) and float(measured[0].NumericValue) == float(wanted)


def _has_code(case: Case, item: Dataset, wanted: str) -> bool:
    del case
    codes = item.get("ConceptCodeSequence") or []
    return bool(codes) and str(codes[0].CodeValue) == wanted


def _has_reference(case: Case, item: Dataset, wanted: str) -> bool:
    references = item.get("ReferencedSOPSequence") or []
    new = str(references[0].get("ReferencedSOPInstanceUID", "")) if references else ""
    return case.world.new_uids.get(wanted, {new}) == {new} and new not in ("", wanted)


def _has_date(case: Case, item: Dataset, wanted: dict[str, str]) -> bool:
    days = case.world.shifts.get(case.person, 0)
    return days != 0 and _shifted_in_text(_told(item), wanted, days) is None


_HOLDS: dict[str, Callable[[Case, Dataset, Any], bool]] = {
    "words": lambda _case, item, wanted: _missing(_told(item), wanted) is None,
    "ends": lambda _case, item, wanted: str(item.get("DateTime", "")).endswith(wanted),
    "number": _has_number,
    "code": _has_code,
    "points": lambda _case, item, wanted: list(item.get("GraphicData", [])) == wanted,
    "reference": _has_reference,
    "date": _has_date,
}


def sr_content_removed(case: Case) -> Wrong:
    """No item of the concept holds a token."""
    for item in _of_concept(case, case.row.expected["concept"]):
        own = Dataset()
        own.update({e.tag: e for e in item if e.keyword not in ("ContentSequence", "ConceptNameCodeSequence")})
        text = "\n".join(as_text(element.value) for element in own.iterall())
        if wrong := _left(text, case.row.expected["tokens"]):
            return wrong
    return None


def private_removed(case: Case) -> Wrong:
    """The private element is gone; of a creator: nobody has that name any more."""
    new = case.new()
    return (
        None if new is None or (as_text(new) != as_text(case.old()) and case.row.path[4:6] == "00") else "still there"
    )


def overlays(case: Case) -> Wrong:
    """No overlay, curve or audio group; nothing in the pixel bits above BitsStored."""
    if "gone" in case.row.expected:
        groups = {element.tag.group for element in case.after}
        left = [group for group in groups if 0x5000 <= group <= 0x501E or 0x6000 <= group <= 0x601E]
        return f"group {left[0]:04X}" if left else None
    if case.after.file_meta.TransferSyntaxUID.is_encapsulated:
        values = decoded(case.after_path).astype(np.uint16)
    else:
        order = "<" if case.after.file_meta.TransferSyntaxUID.is_little_endian else ">"
        values = np.frombuffer(case.after.PixelData, order + "u2")
    return "bits above BitsStored" if (values >> int(case.after.BitsStored)).any() else None


def pdf(case: Case) -> Wrong:
    """Kept back is right. What came out may hold nothing of the old document."""
    if not case.row.expected:
        return "a scan went through"
    old, new = case.before.EncapsulatedDocument, case.after.get("EncapsulatedDocument", b"")
    return "the document went through" if old == new else _in_bytes(file_bytes(case.after_path), case.row.expected)


def codec_metadata(case: Case) -> Wrong:
    """No token in the file, codestreams included."""
    return _in_bytes(file_bytes(case.after_path), case.row.expected)


def marks(case: Case) -> Wrong:
    """What every result says of itself: the method, its codes, the CTP block, one id for id and name."""
    ds = case.after
    codes = {str(item.get("CodeValue", "")) for item in ds.get("DeidentificationMethodCodeSequence") or ()}
    if ds.get("PatientIdentityRemoved") != "YES" or not {"113100", "113107"} <= codes:
        return "no full mark of de-identification"
    if ds.get("LongitudinalTemporalInformationModified") != "MODIFIED":
        return "(0028,0303) is not MODIFIED"
    if str(ds.get("PatientName")) != str(ds.get("PatientID")):
        return "name and id differ"
    return None if (0x0013, 0x0010) in ds and str(ds[0x0013, 0x0010].value).strip() == "CTP" else "no CTP block"


def held_without_need(case: Case) -> Wrong:
    """There is an output."""
    del case
    return None


CHECKS: dict[Kind, Callable[[Case], Wrong]] = {
    "tag_retained": tag_retained,
    "text_notnull": text_notnull,
    "text_retained": text_retained,
    "text_removed": text_removed,
    "date_shifted": date_shifted,
    "uid_changed": uid_changed,
    "uid_consistent": uid_consistent,
    "patid_consistent": patid_consistent,
    "pixels_hidden": pixels_hidden,
    "pixels_retained": pixels_retained,
    "date_intervals": date_intervals,
    "raw_bytes": raw_bytes,
    "sr_content_kept": sr_content_kept,
    "sr_content_removed": sr_content_removed,
    "private_kept": tag_retained,
    "private_removed": private_removed,
    "overlays": overlays,
    "pdf": pdf,
    "codec_metadata": codec_metadata,
    "marks": marks,
    "held_without_need": held_without_need,
}
