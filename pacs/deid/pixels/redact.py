"""Which text in pixels has to go: boxes for what was read, marks of machines left alone.

In doubt a text goes. It stays when it is a technical mark by its form, or when the evidence finds nothing in it that
identifies. Of a line with both, the marks stay.
"""

import re
from collections.abc import Container, Iterable, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

from pacs.deid.pixels.technical import Kind, bare_numbers, is_term, kind_of, parts_of, plain, technical_parts
from pacs.dicom.elements import DataSet
from pacs.dicom.values import charset_of, values_of
from pacs.pixels.ocr import Box, Line, Word

SURE = 0.5  # of a line's score; below this a reading is a guess
# Full dates and long numbers go, whatever the evidence says: nobody can check them against the object's own.
_DATE = (
    r"(?<!\d)\d{1,2}\s?[-/.]\s?\d{1,2}\s?[-/.]\s?\d{4}(?!\d)|(?<!\d)\d{4}\s?[-/.]\s?\d{1,2}\s?[-/.]\s?\d{1,2}(?!\d)"
    r"|(?<![\d/])\d{1,2}[-/]\d{1,2}[-/]\d{2}(?![\d/])|\b\d{1,2}[- ]?[A-Za-z]{3,9}[- ,]{0,2}(?:19|20)\d{2}\b"
    r"|(?<!\d)(?:19|20)\d{2}[-/](?:0[1-9]|1[0-2])(?!\d)"
)
_LONG_NUMBER = r"(?<![\d.])\d{5,}"
# What stands beside these is a person, a number of a person, or a house.
_LABEL = (
    r"\b(?:name|patient(?!\s*(?:position|orientation)\b)|pat|pt|mrn|pid|dob|birth\w*|born|accession|acc|dr|prof|hospital|h[oô]pital|klinik\w*|clinic"
    r"|clinica|krankenhaus|institut\w*|medical cent\w+|med ct\w*|univ\w*|physician|operator|tech|performed by)\b"
)
_PLACE = r"\b(?:ward|wing|pavilion)\b[\s:]*(?-i:[^\W\d_a-z])[^\W\d_]+"  # the name of a part of a house
_ALWAYS = re.compile(f"(?i){_DATE}|{_LONG_NUMBER}|{_LABEL}|{_PLACE}")
_LETTERS = re.compile(r"[^\W\d_]+")
_CLOSE = 0.45  # of the lower line's height, that the boxes of two lines may share
Span = tuple[int, int]
_PADDING = 5  # boxes grow by a fifth of their height
_GIANT = 4  # heights of a line that goes; what was read larger beside it is no text
_INSTITUTION = 0x00080080
_PATIENT = 0x0010  # the group of the patient's own elements
_APART = 2  # heights of a line; a wider gap sets words apart
_SEVERAL = 2.5  # heights of a line, that no single letter is wide
_BESIDE = 3  # heights of a line; a value within them belongs to the word


class Evidence(Protocol):
    """What identifies in an object. `pacs.deid.text.Evidence` is one."""

    def identifies(self, text: str) -> bool:
        """Whether full cleaning would take anything out of the text."""


class WithInitials:
    """Evidence that also knows a name by one part and the initial of another, ``LONG A`` of Long^Anna, and the name of
    an institution that is made of everyday words, ``Mercy General``: a line of its own in a picture.
    """

    def __init__(self, evidence: Evidence, original: DataSet) -> None:
        self.evidence = evidence
        self.original = original

    @cached_property
    def names(self) -> list[list[str]]:
        """The parts of each name in the original, in lower case."""
        charset = charset_of(self.original)
        values = [values_of(e, charset) for e in self.original.values() if e.vr == "PN" and e.items is None]
        return [_LETTERS.findall(name.lower()) for each in values for name in each]

    @cached_property
    def words(self) -> frozenset[str]:
        """Those words of the names that identify by themselves."""
        parts = {part for parts in self.names for part in parts if len(part) > 2}
        return frozenset(part for part in parts if self.evidence.identifies(part))

    @cached_property
    def patient(self) -> re.Pattern[str] | None:
        """What text of nothing but the patient's own names matches, letters that look alike written as one."""
        charset = charset_of(self.original)
        own = [e for e in self.original.values() if e.tag >> 16 == _PATIENT and e.vr == "PN" and e.items is None]
        names = " ".join(name for e in own for name in values_of(e, charset))
        parts = {re.escape(plain(part)) for part in _LETTERS.findall(names) if len(part) > 1}
        return re.compile(f"(?:{'|'.join(sorted(parts))})+") if parts else None

    def identifies(self, text: str) -> bool:
        """See `Evidence`."""
        words = _LETTERS.findall(text.lower())
        return self.evidence.identifies(text) or self._has_initial(words) or " ".join(words) in self.houses

    @cached_property
    def houses(self) -> frozenset[str]:
        """Names of institutions in the original, of two words at least, in lower case."""
        charset = charset_of(self.original)
        element = self.original.get(_INSTITUTION)
        values = values_of(element, charset) if element is not None and element.items is None else []
        names = [_LETTERS.findall(value.lower()) for value in values]
        return frozenset(" ".join(name) for name in names if len(name) > 1)

    def _has_initial(self, words: list[str]) -> bool:
        single = {word for word in words if len(word) == 1}
        return bool(single) and any(
            part in words and len(part) > 2 and single & {other[0] for other in parts if other != part}
            for parts in self.names
            for part in parts
        )


class Judged(NamedTuple):
    """Boxes to blank with the reason for each, and the texts that stay (identified data no more)."""

    boxes: tuple[tuple[Box, str], ...]
    kept: tuple[Line, ...]


def judge(
    lines: Iterable[Line], evidence: Evidence, *, own: Container[str] = (), patient: re.Pattern[str] | None = None
) -> Judged:
    """Decide about every line; what cannot be read goes.

    `own` are words of the object's own names, in lower case: no technical mark, unless a number stands beside it.
    Words that are nothing but the patient's name, as `patient` knows it, go too when no value stands beside them.
    """
    boxes: list[tuple[Box, str]] = []
    kept: list[Line] = []
    lines = list(lines)
    for line in lines:
        away = _unreadable(line) if line.score < SURE else _identifying(line, evidence, own)
        if away is None:
            continue
        if not away and _is_too_wide(line):
            boxes.append((line.box, "unreadable"))
            continue
        if not away and patient is not None:
            away = _names_alone(line, lines, patient)
        if away:
            boxes += [(box, "unreadable" if line.score < SURE else "text") for box in away]
        else:
            kept.append(line)
    return Judged(tuple(boxes), tuple(kept))


def _is_too_wide(line: Line) -> bool:
    """Whether one letter or two, no marks, were read where more stand: of a script that the reader does not know."""
    parts = parts_of(line.text)
    letters = "".join(parts)
    if len(letters) == 1:
        return letters.isalnum() and line.box.width >= _SEVERAL * line.box.height
    unknown = letters.isalpha() and any(len(part) == 1 and kind_of(part) == Kind.WORD for part in parts)
    return len(letters) == 2 and unknown and line.box.width >= _SEVERAL * line.box.height


def _names_alone(line: Line, lines: Sequence[Line], patient: re.Pattern[str]) -> list[Box]:
    """Boxes of words, set apart from others, that are the patient's name and have no value beside them."""
    found = _set_apart(line)
    others = [part for other in lines if other.score >= SURE and other is not line for part in _set_apart(other)]
    return [
        name.box
        for name in found
        if patient.fullmatch(plain("".join(_LETTERS.findall(name.text))))
        and not any(letter.isdigit() for letter in name.text)
        and not any(_is_value(other.text) and _is_beside(name.box, other.box) for other in (*found, *others))
    ]


def _set_apart(line: Line) -> list[Word]:
    """A line's words, neighbours as one, parted at wide gaps; the whole line when words and line do not agree."""
    if "".join(word.text for word in line.words).replace(" ", "") != line.text.replace(" ", ""):
        return [Word(line.text, line.box)]
    parts: list[Word] = []
    for word in line.words:
        if parts and word.box.left - parts[-1].box.right <= _APART * line.box.height:
            parts[-1] = Word(f"{parts[-1].text} {word.text}", around(parts[-1].box, word.box))
        else:
            parts.append(word)
    tall = [Box(part.box.left, line.box.top, part.box.right, line.box.bottom) for part in parts]
    return [Word(part.text, box) for part, box in zip(parts, tall, strict=True)]


def _is_value(text: str) -> bool:
    """Whether text begins or ends with a number, or a number and its unit: what a label has beside it."""
    parts = parts_of(text)
    return any(any(letter.isdigit() for letter in part) for part in (*parts[:1], *parts[-2:])) and all(
        kind_of(part) != Kind.WORD for part in parts
    )


def _is_beside(box: Box, other: Box) -> bool:
    overlap = min(box.bottom, other.bottom) - max(box.top, other.top)
    gap = max(other.left - box.right, box.left - other.right)
    return 2 * overlap > min(box.height, other.height) and gap <= _BESIDE * min(box.height, other.height)


def _unreadable(line: Line) -> list[Box] | None:
    """A row of something: its box. A single sign is no name, and often no text at all."""
    least = 2 if len(line.text.strip()) != 1 else _SEVERAL
    return [line.box] if line.box.width >= least * line.box.height else None


def _identifying(line: Line, evidence: Evidence, own: Container[str]) -> list[Box]:
    text = line.text.strip()
    parts = parts_of(text)
    if not any(letter.isalnum() for letter in text):
        return []
    technical = [
        flag and not (part.lower() in own and not _has_number_beside(parts, index))
        for index, (part, flag) in enumerate(zip(parts, technical_parts(parts), strict=True))
    ]
    numbers = [number for number in bare_numbers(parts) if not evidence.identifies(number)]
    harmless = [flag or part in numbers for part, flag in zip(parts, technical, strict=True)]
    always = _ALWAYS.search(text) is not None
    if not always and (all(harmless) or not evidence.identifies(text)):
        return []
    if len(text) == 1:
        return []
    return _words_that_go(line, parts, _marks_among_words(parts, technical))


def _has_number_beside(parts: Sequence[str], index: int) -> bool:
    return any(letter.isdigit() for letter in "".join(parts[index : index + 2]))


def _marks_among_words(parts: Sequence[str], technical: Sequence[bool]) -> list[str]:
    """Marks that stay in a line that identifies; a mark of letters beside a word may be a part of the name."""
    kept = []
    for index, (part, flag) in enumerate(zip(parts, technical, strict=True)):
        after = parts[index + 1 : index + 2]
        near = {kind_of(other) for other in (*parts[max(index - 1, 0) : index], *after)}
        has_value = any(letter.isdigit() for letter in part + "".join(after))
        if flag and (has_value or Kind.WORD not in near or is_term(part)):
            kept.append(part)
    return kept


def _words_that_go(line: Line, parts: Sequence[str], kept: Sequence[str]) -> list[Box]:
    """Boxes of the words that go, neighbours as one; the whole line when words and line do not agree."""
    if not kept or "".join(word.text for word in line.words).replace(" ", "") != line.text.replace(" ", ""):
        return [line.box]
    boxes: list[Box] = []
    last_went = False
    for word in line.words:
        goes = not _is_kept(word, kept)
        if goes and last_went:
            boxes[-1] = around(boxes[-1], word.box)
        elif goes:
            boxes.append(word.box)
        last_went = goes
    return [Box(box.left, line.box.top, box.right, line.box.bottom) for box in boxes]


def _is_kept(word: Word, kept: Sequence[str]) -> bool:
    return all(part in kept for part in parts_of(word.text))


def around(first: Box, second: Box) -> Box:
    """The smallest box that holds both."""
    ends = max(first.right, second.right), max(first.bottom, second.bottom)
    return Box(min(first.left, second.left), min(first.top, second.top), *ends)


def merged(boxes: Sequence[tuple[Box, str]]) -> list[tuple[Box, str]]:
    """The boxes, those that cover each other by more than half as one."""
    out: list[tuple[Box, str]] = []
    for box, reason in boxes:
        same = next((index for index, (other, _why) in enumerate(out) if _same_place(box, other)), None)
        if same is None:
            out.append((box, reason))
        else:
            out[same] = around(out[same][0], box), out[same][1]
    return out


def shared(first: Box, second: Box) -> int:
    """Pixels that two boxes share."""
    width = min(first.right, second.right) - max(first.left, second.left)
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    return max(width, 0) * max(height, 0)


def _same_place(first: Box, second: Box) -> bool:
    smaller = min(first.width * first.height, second.width * second.height)
    return 2 * shared(first, second) > smaller


def padded(box: Box, rows: int, columns: int, spared: Sequence[Box] = ()) -> Box:
    """A box grown by a fifth of its height, within the image, but not over boxes of text that stays.

    Boxes are read larger than their letters: where lines stand close, and two boxes share a little, each gets half.
    """
    more = max(box.height // _PADDING, 1)
    left, top = max(box.left - more, 0), max(box.top - more, 0)
    right, bottom = min(box.right + more, columns), min(box.bottom + more, rows)
    for other in spared:
        if other.height > _GIANT * box.height:  # a letter read in the picture itself, such as an O in a round phantom
            continue
        if other.left < right and left < other.right:  # above or below each other
            top, bottom = _apart((top, bottom), (box.top, box.bottom), (other.top, other.bottom), _CLOSE)
        if other.top < bottom and top < other.bottom:  # beside each other
            left, right = _apart((left, right), (box.left, box.right), (other.left, other.right), 0.0)
    return Box(left, top, right, bottom)


def _apart(grown: Span, own: Span, other: Span, close: float) -> Span:
    """A grown span without what belongs to another, when they share no more than a part of the smaller one."""
    start, end = grown
    most = max(close * min(own[1] - own[0], other[1] - other[0]), 1)
    if sum(other) < sum(own) and other[1] - own[0] <= most:
        start = max(start, min(other[1], own[0] + max(other[1] - own[0], 0) // 2))
    elif sum(other) > sum(own) and own[1] - other[0] <= most:
        end = min(end, max(other[0], own[1] - max(own[1] - other[0], 0) // 2))
    return start, end
