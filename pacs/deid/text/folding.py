"""How text is compared: case, accents and width folded, each folded letter knowing its place in the text."""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

WORD = re.compile(r"[^\W_]+")
RUN = re.compile(r"\d+|[^\W\d_]+")  # of digits, or of letters
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f]+")
# Scripts that write without blanks between words, or glue particles to names.
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
# Letters without a decomposition in Unicode.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "’": "'", "ʼ": "'"}
)
_HIRAGANA = {letter: letter - 0x60 for letter in range(0x30A1, 0x30F7)}  # the two kana write the same sounds
# Where a run of letters and digits has seams: HeadNeck, B30f, GTVp1, SMITHjohn.
_ATOM = re.compile(r"\d+|[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SCRIPTS = re.compile(r"\d+|[A-Za-z]+|[^\W\d_A-Za-z]+")


class Folded(NamedTuple):
    """Folded text. `places[i]` is where its letter i stands in the text; None when they stand alike."""

    text: str
    places: tuple[int, ...] | None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span of the text for a span of the folded text."""
        if self.places is None:
            return start, end
        return self.places[start], (self.places[end] if end < len(self.places) else self.places[-1] + 1)


@lru_cache(maxsize=4096)
def _fold_letter(letter: str) -> str:
    plain = unicodedata.normalize("NFKD", letter.casefold()).translate(_PLAIN)
    stripped = "".join(part for part in plain if not unicodedata.combining(part))
    return unicodedata.normalize("NFC", stripped).casefold().translate(_HIRAGANA)


def fold(text: str) -> str:
    """Lower case without accents, full-width forms made plain."""
    if text.isascii():
        return text.lower()
    return "".join(map(_fold_letter, unicodedata.normalize("NFC", text)))


@lru_cache(maxsize=2048)
def folded(text: str) -> Folded:
    """Fold a text that is in NFC, and remember places."""
    if text.isascii():
        return Folded(text.lower(), None)
    out: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(text):
        plain = _fold_letter(letter)
        out.append(plain)
        places += [place] * len(plain)
    return Folded("".join(out), (*places, len(text)))


@lru_cache(maxsize=16384)
def atoms(word: str) -> tuple[str, ...]:
    """A word cut where case changes as in HeadNeck, and between letters and digits."""
    if word.islower() and word.isalpha() and not has_unspaced(word):
        return (word,)
    if word.isascii():
        return tuple(_ATOM.findall(word))
    return tuple((_SCRIPTS if has_unspaced(word) else RUN).findall(word))


def has_unspaced(text: str) -> bool:
    """Whether there is a letter of a script that writes without blanks between words."""
    return not text.isascii() and UNSPACED.search(text) is not None
