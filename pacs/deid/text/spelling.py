"""Words that no list has but that are plainly made of listed ones: misspelt, cut off, joined, or codes of letters.

Consoles cut words off (``EMBOLIS``), people mistype (``SAGITAL``), run words together (``LTLUNG``, ``FSAT``) and write
codes that only their site knows (``LSQX``). Names that look so are listed (`look_alikes.txt`, `short.txt`), and a code
is one only when no known name has its letters in such a row (`letters.txt`).
"""

from collections.abc import Iterator
from functools import cache, lru_cache

from pacs.deid.text.folding import fold
from pacs.deid.text.vocabulary import lists

_MIN_TYPO, _MIN_CUT, _MIN_JOINED, _MIN_PART = 6, 4, 5, 3
_LONG, _LONG_CUT = 8, 6  # the same where the word is of DICOM, not of the words of images
_LONG_EVERYDAY = 9
_MAX_PARTS = 3
_CODE = range(3, 8)  # letters of a code
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_VOWELS = frozenset("aeiouy")
# Short forms that are joined to other words: sides, planes, modalities, weightings.
_LITTLE = frozenset(
    "lt rt ct mr ax ap pa pe fs fe dw us la sa pt wo bh iv nm xr cr dx mg rf xa pd ir se ge ep gr ce ca w lr hr hd ll"
    " wb cv ao sc tr no to f".split()
)


@lru_cache(maxsize=16384)
def reason_of(word: str) -> str:
    """Why a word that no list has stays; empty when it does not. `word` in the case of the text."""
    plain = fold(word)
    if not (plain.isascii() and plain.isalpha() and len(plain) > 2):
        return ""
    known = lists()
    if plain in known.no_words or plain in known.short or (len(plain) == 3 and not (word.isupper() or word.islower())):
        return ""
    return derivation(plain) or ("letters that no name has in a row" if is_unlike_names(plain) else "")


def derivation(plain: str) -> str:
    """What a word of small ASCII letters is made of, names not looked at; empty when of nothing known."""
    if len(plain) in _CODE and _VOWELS.isdisjoint(plain):
        return "a code without vowels"
    if len(plain) == 3:
        return "a code of three letters"
    if len(plain) >= _MIN_CUT and plain in _beginnings():
        return "a word cut off"
    if len(plain) >= _MIN_JOINED and _is_joined(plain):
        return "words joined"
    if len(plain) >= _MIN_TYPO and any(map(_is_long_word, _one_edit_away(plain))):
        return "a word misspelt"
    return ""


def _is_long_word(plain: str) -> bool:
    return plain in _long_terms() or (len(plain) >= _LONG_EVERYDAY and plain in lists().ordinary)


def is_unlike_names(plain: str) -> bool:
    """Whether three letters follow each other that do so in no known name, nor in a login made of one."""
    marked = f"^{plain}$"
    known = lists().letters
    return any(marked[place : place + 3] not in known for place in range(len(marked) - 2))


@cache
def _parts() -> frozenset[str]:
    return frozenset(word for word in lists().core if len(word) >= _MIN_PART and word.isalpha()) | _LITTLE


@cache
def _long_terms() -> frozenset[str]:
    known = lists()
    words = {word for word in known.core if len(word) >= _MIN_TYPO}
    return frozenset(word for word in words | {term for term in known.terms if len(term) >= _LONG} if word.isalpha())


@cache
def _beginnings() -> frozenset[str]:
    known = lists()
    return frozenset(
        word[:end]
        for words, least in ((known.core, _MIN_CUT), (known.terms, _LONG_CUT))
        for word in words
        if word.isascii() and word.isalpha()
        for end in range(least, len(word))
    )


def _is_joined(plain: str) -> bool:
    """Whether listed words follow each other without a gap, one of them of four letters or without vowels."""
    return any(max(map(len, way)) > _MIN_PART or any(map(_VOWELS.isdisjoint, way)) for way in _ways(plain, _MAX_PARTS))


def _ways(plain: str, parts: int) -> Iterator[tuple[str, ...]]:
    known = _parts()
    for size in range(1, len(plain)):
        if plain[:size] in known:
            rest = plain[size:]
            if rest in known:
                yield plain[:size], rest
            if parts > 2:
                yield from ((plain[:size], *way) for way in _ways(rest, parts - 1))


def _one_edit_away(plain: str) -> Iterator[str]:
    """Words with the same first letter that one letter more, less, other, or swapped makes of it."""
    for place in range(1, len(plain) + 1):
        before, after = plain[:place], plain[place:]
        if after:
            yield before + after[1:]
            if len(after) > 1:
                yield before + after[1] + after[0] + after[2:]
            for letter in _LETTERS:
                yield before + letter + after[1:]
        for letter in _LETTERS:
            yield before + letter + after


__all__ = ["derivation", "is_unlike_names", "reason_of"]
