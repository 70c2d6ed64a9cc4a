"""Marks that machines draw and that identify nobody: settings, measures, scales, orientation, laterality.

The words stand in `pacs/deid/data/pixel_marks.txt`. A mark is recognised by its form; a bare number of up to four
digits counts as a scale, a longer one never does.
"""

import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

# Letters and digits that are often read for each other. Short words are not compared so: too many names are short.
_ALIKE = str.maketrans({"i": "l", "1": "l", "|": "l", "0": "o", "5": "s"})
_LOOSELY = 4  # characters that a word must have to be known in spite of misread letters
_MISREAD_DIGITS = str.maketrans({"O": "0", "o": "0", "I": "1", "l": "1", "|": "1", "S": "5"})
_MISREAD = re.compile(r"(?=.*\d)[\dOoIl|S]{2,4}(?:[.,][\dOoIl|S]{1,3})?(?=[^A-Za-z0-9]|$)")
_NUMBER = r"[+-]?\d{1,4}(?:[.,]\d{1,3})?"
_BARE = re.compile(rf"{_NUMBER}%?|\d{{1,3}}(?:\.\d)?\s?[x*]\s?\d{{1,4}}(?:\.\d)?|\d/\d/\d|[+-]?\d{{1,2}}\.\d{{1,4}}")
_SYMBOLS = re.compile(r"[^\w]+|_+")
# Patient directions (PS3.3 C.7.6.1.1.1), alone or together, and sides.
_DIRECTIONS = re.compile(r"[RLAPHFSI]{1,3}")
_PARTS = re.compile(r"[\s:=<>,;()\[\]]+")


class _Words(NamedTuple):
    labels: frozenset[str]
    units: frozenset[str]
    alone: frozenset[str]
    terms: frozenset[str]
    marks: frozenset[str]  # both
    alike: frozenset[str]  # the longer ones, with letters that look alike written as one


@cache
def _words() -> _Words:
    content = (files("pacs") / "deid" / "data" / "pixel_marks.txt").read_text(encoding="utf-8")
    found: dict[str, set[str]] = {"labels": set(), "units": set(), "alone": set(), "terms": set()}
    section = ""
    for line in content.splitlines():
        if line.startswith("["):
            section = line.strip("[] ")
        elif not line.startswith("#"):
            found[section].update(word.lower() for word in line.split())
    alike = {plain(word) for word in found["terms"] | found["alone"] if len(word) >= _LOOSELY}
    labels, units, alone, terms = (frozenset(found[name]) for name in ("labels", "units", "alone", "terms"))
    return _Words(labels, units, alone, terms, alone | terms, frozenset(alike))


def plain(word: str) -> str:
    """A word in lower case, letters that look alike written as one."""
    return word.lower().translate(_ALIKE)


def is_term(part: str) -> bool:
    """Whether a part is a scanner's own word, in spite of a misread letter, which no name beside it can make a name."""
    folded = part.strip(".*#")
    if len(folded) < _LOOSELY or sum(letter.isalpha() for letter in folded) < 2:
        return False
    return plain(folded) in _words().alike


@cache
def _with_unit() -> re.Pattern[str]:
    units = "|".join(re.escape(unit) for unit in sorted(_words().units, key=len, reverse=True))
    return re.compile(rf"{_NUMBER}\s?(?:{units})", re.IGNORECASE)


@cache
def _labelled() -> re.Pattern[str]:
    labels = "|".join(re.escape(label) for label in sorted(_words().labels, key=len, reverse=True))
    return re.compile(rf"(?:{labels})[.#]?{_NUMBER}%?(?:[-/]\d{{1,2}})?", re.IGNORECASE)


class Kind:
    """What a part of a line is: a strong mark, a bare number, a label or unit that needs a number, or a word."""

    MARK, NUMBER, LABEL, WORD = range(4)


def kind_of(part: str) -> int:
    """Classify one part, without blanks."""
    words, folded = _words(), part.lower().strip(".*#")
    if _MISREAD.match(part):  # the number before a unit, read as letters in part
        part = _MISREAD.sub(lambda found: found[0].translate(_MISREAD_DIGITS), part, count=1)
    if not part or _SYMBOLS.fullmatch(part) or folded in words.marks or _DIRECTIONS.fullmatch(part):
        return Kind.MARK
    if is_term(part) or _with_unit().fullmatch(part) or _labelled().fullmatch(part):
        return Kind.MARK
    if _BARE.fullmatch(part):
        return Kind.NUMBER
    return Kind.LABEL if folded in words.labels or folded in words.units else Kind.WORD


def parts_of(text: str) -> list[str]:
    """A line's parts: words, numbers, values."""
    return [part for part in _PARTS.split(text) if part]


def technical_parts(parts: list[str]) -> list[bool]:
    """For each part whether it is a technical mark where it stands: most labels and units want a number beside them."""
    kinds = [kind_of(part) for part in parts]
    words = [part.lower().strip(".*#") for part in parts]
    out = [kind == Kind.MARK and not _SYMBOLS.fullmatch(part) for part, kind in zip(parts, kinds, strict=True)]
    for index, kind in enumerate(kinds):
        if kind != Kind.NUMBER:
            continue
        before = index
        while before and words[before - 1] in _words().labels:  # one label or several, then the value
            before -= 1
        if before < index:
            out[before : index + 1] = [True] * (index + 1 - before)
        if index + 1 < len(words) and words[index + 1] in _words().units:
            out[index : index + 2] = [True, True]
    return out


def bare_numbers(parts: list[str]) -> list[str]:
    """Those parts that are bare numbers."""
    return [part for part in parts if kind_of(part) == Kind.NUMBER]
