"""Cleaning one text: gather spans, decide about the rest under full cleaning, put together what stays."""

import re
from collections.abc import Callable, Collection, Iterator
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from pacs.deid.text import days, leftovers, patterns
from pacs.deid.text.days import Day, Shift
from pacs.deid.text.folding import UNSPACED, WORD, atoms, fold
from pacs.deid.text.spans import Cleaned, Decision, Fate, Span, Strength
from pacs.deid.text.spelling import reason_of
from pacs.deid.text.technical import is_number, is_technical, is_technical_word
from pacs.deid.text.vocabulary import (
    is_code,
    is_name_first,
    is_named_term,
    is_term,
    is_word,
    keeps_eponym,
    keeps_view,
    may_be_initials,
    may_be_person,
)

_CHUNK = re.compile(r"\S+")
_MARKS = ".,;:!?\"'()[]{}<>*|~`´’^&#=_-+/\\"
_DOUBT = "no word of the vocabulary"
_BEFORE_PERSON = frozenset("by for per dr from c/o attn tech operator name nurse".split())
_BESIDE = " \t,.^:&-_"  # what may stand between the parts of a name
_LABEL_REACH = 48
_TIME = re.compile(r"\d{4}(?:\d\d)?(?!\d)")
_MAX_DIGITS = 5  # more of them in a word are an id
_MAX_UNSPACED = 8  # letters of the longest word that is looked for in text without blanks


class Token(NamedTuple):
    """A word of a text under full cleaning."""

    start: int
    end: int
    word: str
    plain: str
    reason: str  # why it stays; empty when in doubt


class Neighbours(NamedTuple):
    """Where words end and begin that a name may stand beside."""

    ends: set[int]
    starts: set[int]


def settle(spans: Collection[Span]) -> list[Span]:
    """Spans in order, without overlaps: UIDs first, then what is cut for sure, then dates and ages, then doubts."""
    out: list[Span] = []
    for rank in (_is_uid, _is_sure_cut, _is_swap, _is_doubt):
        for span in sorted(filter(rank, spans)):
            over = [other for other in out if other.start < span.end and span.start < other.end]
            if not over:
                out.append(span)
            elif span.fate is Fate.CUT and all(other.fate is Fate.CUT for other in over):
                out = [other for other in out if other not in over]
                out.append(_union([*over, span]))
            elif span.fate is Fate.CUT and rank is _is_sure_cut:  # beside a UID: what is outside of it
                out += _outside(span, over)
    return sorted(out)


def _is_uid(span: Span) -> bool:
    return span.fate is Fate.UID


def _is_sure_cut(span: Span) -> bool:
    return span.fate is Fate.CUT and not span.in_doubt


def _is_swap(span: Span) -> bool:
    return span.fate in (Fate.DATE, Fate.SWAP)


def _is_doubt(span: Span) -> bool:
    return span.fate is Fate.CUT and span.in_doubt


def _union(spans: list[Span]) -> Span:
    first = min(spans)
    surest = min(spans, key=lambda span: span.in_doubt)
    return first._replace(end=max(span.end for span in spans), reason=surest.reason, in_doubt=surest.in_doubt)


def _outside(span: Span, over: list[Span]) -> Iterator[Span]:
    position = span.start
    for other in sorted(over):
        if other.start > position:
            yield span._replace(start=position, end=other.start)
        position = max(position, other.end)
    if position < span.end:
        yield span._replace(start=position)


def date_spans(
    text: str, strength: Strength, own: Collection[date], births: Collection[date], *, any_date: bool
) -> Iterator[Span]:
    """Dates: births go with their label, others are shifted. Not `any_date`: only the object's own."""
    taken: list[tuple[int, int]] = []
    for found in days.find(text, strength, own):
        if any(start < found.end and found.start < end for start, end in taken):
            continue
        near = max(0, found.start - _LABEL_REACH)
        label = patterns.ends_with_birth_label(text[near : found.start])
        if found.day in births or label is not None:
            yield Span(found.start if label is None else near + label, found.end, "birth date")
        elif any_date or found.day in own:
            yield Span(found.start, found.end, "date", Fate.DATE, extra=found)
        taken.append((found.start, found.end))
    if strength is Strength.FULL:
        for start, end in (*days.unreadable(text), *days.yearless(text)):
            if not any(s < end and start < e for s, e in taken):
                yield Span(start, end, "a date that cannot be shifted")


def doubts(text: str, spans: list[Span], added: Collection[str]) -> tuple[list[Span], list[Token]]:
    """Words that are neither vocabulary nor technical, outside of given spans; and those that stay, with the reason."""
    tokens = list(_tokens(text, spans, added))
    out: list[Span] = []
    kept: list[Token] = []
    strange = [token for token in tokens if not token.reason and token.plain.isalpha()]
    people = [(span.start, span.end) for span in spans if span.fate is Fate.CUT and "person" in span.reason]
    known = {end for _start, end in people}
    unknown = Neighbours({token.end for token in strange}, {token.start for token in strange})
    cut = Neighbours(known | unknown.ends, {start for start, _end in people} | unknown.starts)
    for index, token in enumerate(tokens):
        if may_stay_as_eponym(tokens, index) and not {token.start - 1, token.start - 2} & known:
            kept.append(token._replace(reason="a name within its phrase"))
        elif not token.reason and is_name_first(token.plain) and token.word.islower() and not text.islower():
            kept.append(token._replace(reason="vocabulary"))
        elif not token.reason:
            out += _doubtful(text, token)
        elif token.plain in added or not _is_person_here(text, tokens, index, cut, unknown):
            kept.append(token)
        else:
            out.append(Span(token.start, token.end, "a name too, and beside a person", in_doubt=True))
    return out, kept


def may_stay_as_eponym(tokens: list[Token], index: int) -> bool:
    """Whether a name stands in the phrase that it is known for."""
    plain = tokens[index].plain
    before = tuple(token.plain for token in tokens[max(0, index - 2) : index])
    if keeps_eponym(plain, before, tuple(token.plain for token in tokens[index + 1 : index + 4])):
        return True
    others = [token for place, token in enumerate(tokens) if place != index]
    beside = [token for token in tokens[max(0, index - 1) : index + 2] if token is not tokens[index]]
    if any(not token.reason or token.plain in _BEFORE_PERSON for token in beside):
        return False
    return keeps_view(plain, [token.plain for token in others])


def _doubtful(text: str, token: Token) -> Iterator[Span]:
    """The parts of a word that are in doubt: of ``SmithChest`` only the first."""
    pieces = atoms(token.word)
    bad = [piece for piece in pieces if not (piece.isdigit() or is_word(fold(piece)))]
    few = any(len(piece) < 3 or piece.isdigit() for piece in pieces)  # letters and a number are one id
    if len(pieces) == 1 or len(bad) == len(pieces) or few:
        yield Span(token.start, token.end, _DOUBT, in_doubt=True)
        return
    position = token.start
    for piece in pieces:
        if piece in bad:
            yield Span(position, position + len(piece), _DOUBT, in_doubt=True)
        position += len(piece)


def _tokens(text: str, spans: list[Span], added: Collection[str]) -> Iterator[Token]:
    taken = [(span.start, span.end + _clock(text, span)) for span in spans]
    for chunk in _CHUNK.finditer(text):
        start, end = chunk.span()
        touched = any(s < end and start < e for s, e in taken)
        reason = "" if touched else chunk_reason(chunk.group())
        for match in WORD.finditer(text, start, end):
            for first, last in _free(match.start(), match.end(), taken) if touched else (match.span(),):
                yield from _word_tokens(first, text[first:last], reason, added)


def _clock(text: str, span: Span) -> int:
    """The length of the time of day that goes on right behind a date: ``20200115101112``."""
    found = _TIME.match(text, span.end) if span.fate is Fate.DATE else None
    return len(found.group()) if found else 0


def _free(start: int, end: int, taken: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What of a word is in no span."""
    for first, last in sorted(taken):
        if first >= end or last <= start:
            continue
        if first > start:
            yield start, first
        start = max(start, last)
    if start < end:
        yield start, end


def _word_tokens(start: int, word: str, reason: str, added: Collection[str]) -> Iterator[Token]:
    plain = fold(word)
    if not word.isascii() and UNSPACED.search(word):
        for run in atoms(word):
            yield from _word_tokens(start, run, reason, added) if run.isascii() else _unspaced_tokens(start, run)
            start += len(run)
        return
    if not reason and plain in added:
        reason = "a word of the collection"
    yield Token(start, start + len(word), word, plain, reason or word_reason(word))


def _unspaced_tokens(start: int, word: str) -> Iterator[Token]:
    """Words of a text without blanks: the longest known ones stay, what is between them is in doubt."""
    position = unknown = 0
    while position <= len(word):
        left = len(word) - position
        size = next((n for n in range(min(_MAX_UNSPACED, left), 0, -1) if _is_known(word[position : position + n])), 0)
        if (size or position == len(word)) and unknown < position:
            yield _piece(start, word, unknown, position, "")
        if size:
            yield _piece(start, word, position, position + size, "vocabulary")
            unknown = position + size
        position += size or 1


def _is_known(piece: str) -> bool:
    return is_word(fold(piece)) or (piece.isascii() and is_technical_word(piece))


def _piece(start: int, word: str, first: int, last: int, reason: str) -> Token:
    piece = word[first:last]
    return Token(start + first, start + last, piece, fold(piece), reason)


@lru_cache(maxsize=32768)
def chunk_reason(chunk: str) -> str:
    """Why a run without blanks stays as a whole; empty when its words must be looked at."""
    core = chunk.strip(_MARKS)
    plain = fold(core)
    if is_word(plain) and not may_be_person(plain):
        return "vocabulary"
    if is_technical(core) or (is_number(core) and sum(map(str.isdigit, core)) <= 8):
        return "a technical form"
    return "a code within a technical compound" if _is_compound(core) else ""


def _is_compound(core: str) -> bool:
    """Whether joined parts are technical but for one short code that nobody is called: ``t2_hemo_tra``."""
    parts = WORD.findall(core)
    if len(parts) < 3 or any(len(part) > 5 and part.isdigit() for part in parts):
        return False
    strange = [part for part in parts if not word_reason(part)]
    people = [part for part in parts if may_be_person(fold(part)) and not is_term(fold(part))]
    return len(strange) == 1 and not people and 2 < len(strange[0]) < 5 and is_code(strange[0])


@lru_cache(maxsize=32768)
def word_reason(word: str) -> str:
    """Why a word stays; empty when it is in doubt."""
    plain = fold(word)
    if len(plain) == 1 or is_word(plain):
        return "vocabulary"
    if is_technical_word(word):
        return "a technical form"
    pieces = atoms(word)
    digits = sum(map(str.isdigit, word))
    if len(pieces) > 1 and digits <= _MAX_DIGITS and all(_is_kept_piece(p, few=digits < 4) for p in pieces):
        return "vocabulary"
    return reason_of(word)


def _is_kept_piece(piece: str, *, few: bool) -> bool:
    """Whether a part of a word stays; with more than a `few` digits beside it a code may be the letters of an id."""
    return len(piece) == 1 or piece.isdigit() or is_word(fold(piece)) or (few and bool(reason_of(piece)))


def _is_person_here(text: str, tokens: list[Token], index: int, cut: Neighbours, unknown: Neighbours) -> bool:
    """Whether a word that is a name too stands where a person does."""
    token = tokens[index]
    named = may_be_person(token.plain) and not is_term(token.plain)
    if token.word.islower() and text != text.lower():
        return False
    if not (named or is_named_term(token.plain) or may_be_initials(token.word)):
        return False
    before = fold(text[: token.start]).rstrip(_BESIDE)
    after = text[token.end :]
    gap = len(after) - len(after.lstrip(_BESIDE))
    beside = cut if named else unknown
    if len(before) in beside.ends or token.end + gap in beside.starts:
        return True
    return named and before.rsplit(None, 1)[-1:] != [] and before.rsplit(None, 1)[-1].strip("(") in _BEFORE_PERSON


def compose(text: str, spans: list[Span], shift: Shift | None, map_uid: Callable[[str], str]) -> str:
    """The text without what is cut, dates and UIDs replaced; the same object when nothing changes."""
    if not spans:
        return text
    spans = leftovers.widen(text, [_resolved(span, shift, map_uid, text) for span in spans])
    out = ""
    position = 0
    pending: str | None = None  # the text on the left of a cut that waits for its right side
    for span in spans:
        between = text[position : span.start]
        out, pending = _append(out, pending, between, last=False)
        if span.fate is Fate.CUT:
            pending = out if pending is None else pending
        else:
            out, pending = _append(out, pending, str(span.extra), last=False)
        position = max(position, span.end)
    out, pending = _append(out, pending, text[position:], last=True)
    if pending is not None:
        left, _join, _right = leftovers.joint(out, "", at_start=True, at_end=True)
        out = left
    return out


def _append(out: str, pending: str | None, more: str, *, last: bool) -> tuple[str, str | None]:
    """Add text; after a cut, settle the marks around it once there is text again."""
    if pending is None:
        return out + more, None
    if not more.strip(" \t^=,;:/|&+#_-.\"'()[]") and not last and not ("\n" in more or ")" in more or "]" in more):
        return out, pending
    left, join, right = leftovers.joint(out, more, at_start=True, at_end=last)
    return left + join + right, None


def _resolved(span: Span, shift: Shift | None, map_uid: Callable[[str], str], text: str) -> Span:
    """A span whose date or UID has its new value."""
    if span.fate is Fate.UID:
        return span._replace(extra=map_uid(text[span.start : span.end]))
    if span.fate is Fate.DATE:
        found = span.extra
        assert isinstance(found, Day)
        new = shift(found.day) if shift else None
        if new is None:
            return span._replace(fate=Fate.CUT, extra=None)
        return span._replace(extra=days.written(found, new))
    return span


def decisions(text: str, spans: list[Span], kept: list[Token]) -> tuple[Decision, ...]:
    """What was decided for each token, in order."""
    every = [(s.start, Decision(text[s.start : s.end], False, s.reason, s.in_doubt)) for s in spans]
    every += [(t.start, Decision(t.word, True, t.reason)) for t in kept]
    return tuple(decision for _start, decision in sorted(every, key=lambda each: each[0]))


__all__ = ["Cleaned", "Strength", "compose", "settle"]
