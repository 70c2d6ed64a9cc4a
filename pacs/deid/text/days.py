"""Dates in text: found in many formats, written again in the same one.

Day and month are told apart by their size, by the object's own dates, then by custom: ``15.01.2020`` is day first,
``01/15/2020`` month first. Two-digit years up to 30 are of this century.
"""

import re
from collections.abc import Callable, Collection, Iterator
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from pacs.deid.text.folding import fold
from pacs.deid.text.spans import Strength

Shift = Callable[[date], date | None]
_LANGUAGES = (
    "january february march april may june july august september october november december",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "januari februari maart april mei juni juli augustus september oktober november december",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "ιανουαρίου φεβρουαρίου μαρτίου απριλίου μαΐου ιουνίου ιουλίου αυγούστου σεπτεμβρίου"
    " οκτωβρίου νοεμβρίου δεκεμβρίου",
    "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "ledna února března dubna května června července srpna září října listopadu prosince",
    "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık",
)
_NAMES = tuple(tuple(line.split()) for line in _LANGUAGES)
_MIN_YEAR, _MAX_YEAR, _PIVOT = 1890, 2099, 30

_YMD = re.compile(r"(?<!\d)(\d{4})([-./ _]?)(\d{1,2})\2(\d{1,2})(?:(?=\d{4}(?:\d\d)?(?!\d))|(?!\d))")
_DMY = re.compile(r"(?<!\d)(\d{1,2})([-./ _])(\d{1,2})\2(\d{4})(?!\d)")
_SHORT = re.compile(r"(?<![\w.])(\d{1,2})([-./])(\d{1,2})\2(\d{2})(?![\w])(?!\.\d)")
_WORD = r"([^\W\d_]{3,})"
_GAP = r"[\s.,/'-]*"
_D_NAME_Y = re.compile(
    rf"(?<!\d)(\d{{1,2}})(st|nd|rd|th)?(?:\s+(?:of|de)\s+)?{_GAP}{_WORD}(?:\s+de\s+)?{_GAP}(\d{{4}}|\d{{2}})(?!\d)"
)
_NAME_D_Y = re.compile(rf"(?<![^\W\d_]){_WORD}{_GAP}(\d{{1,2}})(st|nd|rd|th)?(?:,\s*|{_GAP})(\d{{4}})(?!\d)")
_Y_NAME_D = re.compile(rf"(?<!\d)(\d{{4}}){_GAP}{_WORD}{_GAP}(\d{{1,2}})(?!\d)")
_NAME_Y = re.compile(rf"(?<![^\W\d_]){_WORD}[\s.,/'-]{{0,3}}((?:19|20)\d\d)(?!\d)")
_MY = re.compile(r"(?<![\w./-])(0?[1-9]|1[0-2])([-/.])((?:19|20)\d\d)(?![\w./-]*\d)")
_YM = re.compile(r"(?<![\w./-])((?:19|20)\d\d)([-/])(0[1-9]|1[0-2])(?![\w./-]*\d)")
_NAME_D = re.compile(rf"(?<![^\W\d_]){_WORD}[\s.-]{{1,2}}(\d{{1,2}})(st|nd|rd|th)?(?![\w:./-]*\d)(?!\w)")
_D_NAME = re.compile(rf"(?<![\w.])(\d{{1,2}})(st|nd|rd|th)?[\s.-]{{1,2}}{_WORD}(?!\w)")
_LOOKS_FULL = re.compile(
    r"(?<![\w.])(?:(?:19|20)\d\d([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2(?:19|20)\d\d)(?!\w|\.\d)"
)
# Roman months, weeks of a year, days of a year: no day of the calendar is made of them.
_OTHER_FULL = re.compile(
    r"(?<![\w.-])(?:\d{1,2}[-. /](?:I{1,3}|IV|VI{0,3}|IX|XI{0,2})[-. /](?:19|20)\d\d|(?:19|20)\d\d-?W[0-5]\d(?:-[1-7])?"
    r"|(?i:week)\s+[0-5]?\d,?\s+(?:19|20)\d\d|(?:19|20)\d\d-[0-3]\d\d)(?![\w.-])"
)
_CJK_DAY = re.compile(r"(?<!\d)(\d{4})年(\d{1,2})月(\d{1,2})日")
_MONTHLIKE = frozenset(name[:3] for line in _NAMES for name in map(fold, line))
_NO_MONTHS = frozenset(("out", "set", "ago", "sub", "lip", "ara", "tem", "led", "lut"))  # months elsewhere, words here
_SURE_MONTHS = frozenset(("june", "july", "jan", "feb", "apr", "jun", "jul", "aug", "nov"))
_SHORT_MONTHS = frozenset(("mar", "sep", "sept", "oct", "dec", "okt", "dez"))  # something else in capitals: OCT 3
_UNSURE = frozenset(("may", "mar", "march", "mai", "set", "ago", "mars", "mar", "dic", "out"))


class Day(NamedTuple):
    """A date that stands in a text. `pieces` rebuild it: text as it is, or what to write for year, month, day."""

    start: int
    end: int
    day: date
    pieces: tuple[str, ...]
    partial: bool = False


def written(found: Day, new: date) -> str:
    """Another date in the format of the one that was found."""
    out = []
    for piece in found.pieces:
        if piece[:1] != "\0":
            out.append(piece)
        else:
            out.append(_field(piece[1:], new))
    return "".join(out)


def _field(what: str, new: date) -> str:
    kind, _, form = what.partition(":")
    if kind == "Y":
        return f"{new.year:04d}" if form == "4" else f"{new.year % 100:02d}"
    if kind == "M":
        return f"{new.month:0{form}d}"
    if kind == "D":
        return f"{new.day:0{form}d}"
    if kind == "O":
        suffix = "th" if 11 <= new.day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(new.day % 10, "th")
        return suffix.upper() if form == "U" else suffix
    return _month_like(form, new.month)


def _month_like(sample: str, month: int) -> str:
    """The name of a month in the language, length and case of a sample."""
    plain = fold(sample)
    for names in _NAMES:
        for name in names:
            if fold(name).startswith(plain):
                whole = len(plain) == len(name) and len(name) > 3
                new = names[month - 1] if whole else names[month - 1][: len(plain)]
                return new.upper() if sample.isupper() else new.capitalize() if sample[0].isupper() else new
    return sample


@lru_cache(maxsize=1024)
def month_of(word: str) -> int:
    """The number of a month's name or of its beginning (at least three letters); 0 for another word."""
    plain = fold(word)
    for names in _NAMES if plain not in _NO_MONTHS else ():
        for number, name in enumerate(names, 1):
            if len(plain) >= 3 and fold(name).startswith(plain):
                return number
    return 0


def _year(text: str) -> int:
    return int(text) if len(text) == 4 else int(text) + (2000 if int(text) <= _PIVOT else 1900)


def _day(year: int, month: int, day: int) -> date | None:
    if not _MIN_YEAR <= year <= _MAX_YEAR:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def find(text: str, strength: Strength, own: Collection[date]) -> Iterator[Day]:
    """Dates in a text, longest forms first; they may overlap (the caller takes the first of two).

    `own` are the object's dates: they settle which number is the day, and count in forms that otherwise could be
    anything (``15.01.20``, ``2020 01 15``).
    """
    full = strength is Strength.FULL
    yield from _cjk(text)
    yield from _numeric(text, own, full=full)
    if _may_name_month(text):
        yield from _named(text, full=full)
    if full:
        yield from _months_and_years(text)


def _may_name_month(text: str) -> bool:
    plain = fold(text)
    return any(month in plain for month in _MONTHLIKE)


def _numeric(text: str, own: Collection[date], *, full: bool) -> Iterator[Day]:
    for match in _YMD.finditer(text):
        year, mark, month, day = match.groups()
        if mark or (len(month) == len(day) == 2):
            found = _day(int(year), int(month), int(day))
            if found and (mark not in (" ", "_") or full or found in own):
                pieces = ("\0Y:4", mark, f"\0M:{len(month)}", mark, f"\0D:{len(day)}")
                yield Day(*match.span(), found, pieces)
    for match in _DMY.finditer(text):
        first, mark, second, year = match.groups()
        whole = _ordered(first, second, int(year), mark, own)
        if whole is None:
            continue
        found, day_first = whole
        version = mark in " ." and _goes_on(text, match)
        if found in own or (not version and (mark not in (" ", "_") or full)):
            yield Day(*match.span(), found, _numbered(first, mark, second, "4", day_first=day_first))
    for match in _SHORT.finditer(text):
        first, mark, second, year = match.groups()
        whole = _ordered(first, second, _year(year), mark, own)
        if whole and (whole[0] in own or (full and (mark != "." or len(first) == len(second) == 2))):
            yield Day(*match.span(), whole[0], _numbered(first, mark, second, "2", day_first=whole[1]))


def _cjk(text: str) -> Iterator[Day]:
    for match in _CJK_DAY.finditer(text):
        whole_day = _day(int(match[1]), int(match[2]), int(match[3]))
        if whole_day:
            yield Day(*match.span(), whole_day, (*_pieces(text, match, {1: "Y", 2: "M", 3: "D"}), "日"))


def _goes_on(text: str, match: re.Match[str]) -> bool:
    """Whether more numbers and dots stand around what looks like a date."""
    after = text[match.end() : match.end() + 2]
    return text[max(0, match.start() - 1) : match.start()] == "." or (after[:1] == "." and after[1:].isdigit())


def _numbered(first: str, mark: str, second: str, year: str, *, day_first: bool) -> tuple[str, ...]:
    a, b = ("D", "M") if day_first else ("M", "D")
    return (f"\0{a}:{len(first)}", mark, f"\0{b}:{len(second)}", mark, f"\0Y:{year}")


def _ordered(first: str, second: str, year: int, mark: str, own: Collection[date]) -> tuple[date, bool] | None:
    """The date of two numbers and a year, and whether the day comes first."""
    day_first, month_first = _day(year, int(second), int(first)), _day(year, int(first), int(second))
    if day_first is None or month_first is None:
        return (day_first, True) if day_first else (month_first, False) if month_first else None
    if (day_first in own) != (month_first in own):
        return (day_first, True) if day_first in own else (month_first, False)
    return (day_first, True) if mark == "." else (month_first, False)


def _named(text: str, *, full: bool) -> Iterator[Day]:
    for match in _D_NAME_Y.finditer(text):
        month = month_of(match[3])
        found = _day(_year(match[4]), month, int(match[1])) if month else None
        if found and (full or len(match[4]) == 4):
            yield Day(*match.span(), found, _pieces(text, match, {1: "D", 2: "O", 3: "N", 4: "Y"}))
    for match in _NAME_D_Y.finditer(text):
        month = month_of(match[1])
        found = _day(int(match[4]), month, int(match[2])) if month else None
        if found:
            yield Day(*match.span(), found, _pieces(text, match, {1: "N", 2: "D", 3: "O", 4: "Y"}))
    for match in _Y_NAME_D.finditer(text):
        month = month_of(match[2])
        found = _day(int(match[1]), month, int(match[3])) if month else None
        if found:
            yield Day(*match.span(), found, _pieces(text, match, {1: "Y", 2: "N", 3: "D"}))


def _pieces(text: str, match: re.Match[str], fields: dict[int, str]) -> tuple[str, ...]:
    out: list[str] = []
    position = match.start()
    for group, kind in fields.items():
        if match[group] is None:
            continue
        start, end = match.span(group)
        out += [text[position:start], f"\0{kind}:{_form(kind, match[group])}"]
        position = end
    return tuple(piece for piece in out if piece)


def _form(kind: str, sample: str) -> str:
    if kind == "N":
        return sample
    if kind == "O":
        return "U" if sample.isupper() else "l"
    return str(len(sample))


def _months_and_years(text: str) -> Iterator[Day]:
    """Months with a year are taken as their first day; days without a year cannot be shifted and go."""
    for match in _NAME_Y.finditer(text):
        month = month_of(match[1])
        if month:
            yield Day(
                *match.span(), date(int(match[2]), month, 1), _pieces(text, match, {1: "N", 2: "Y"}), partial=True
            )
    for match in _MY.finditer(text):
        pieces = _pieces(text, match, {1: "M", 3: "Y"})
        yield Day(*match.span(), date(int(match[3]), int(match[1]), 1), pieces, partial=True)
    for match in _YM.finditer(text):
        pieces = _pieces(text, match, {1: "Y", 3: "M"})
        yield Day(*match.span(), date(int(match[1]), int(match[3]), 1), pieces, partial=True)


def unreadable(text: str) -> Iterator[tuple[int, int]]:
    """What looks like a full date and is none of the calendar."""
    for pattern in (_LOOKS_FULL, _OTHER_FULL):
        for match in pattern.finditer(text):
            yield match.span()


def yearless(text: str) -> Iterator[tuple[int, int]]:
    """Day and month without a year, written with the month's name; words that mean something else too need a ``th``."""
    if not _may_name_month(text):
        return
    for pattern, name, suffix in ((_NAME_D, 1, 3), (_D_NAME, 3, 2)):
        for match in pattern.finditer(text):
            word = fold(match[name])
            sure = match[suffix] or (word not in _UNSURE and (len(word) > 4 or word in _SURE_MONTHS))
            sure = sure or (word in _SHORT_MONTHS and match[name].istitle())
            if sure and month_of(word) and 1 <= int(match[2 if name == 1 else 1]) <= 31:
                yield match.span()
