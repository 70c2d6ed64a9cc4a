"""Words as character recognition mistakes them: letters and digits that look alike."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import product

from pacs.deid.text.folding import RUN, fold
from pacs.deid.text.vocabulary import is_term

_ALIKE = {"l": "li", "i": "il", "1": "1il", "0": "0o", "o": "o0", "5": "5s", "s": "s5", "8": "8b", "|": "il"}
_MAX_VARIANTS = 256
_MIN_TERM = 3
_MAX_DIGITS = 5


@lru_cache(maxsize=8192)
def is_misread_term(token: str) -> bool:
    """Whether a token that no vocabulary knows is a term of radiology but for letters that look alike."""
    return any(_is_made_of_terms(variant) for variant in _variants(fold(token.strip())))


def _is_made_of_terms(text: str) -> bool:
    runs = RUN.findall(text)
    words = [run for run in runs if not run.isdigit()]
    if not any(len(word) >= _MIN_TERM for word in words) or sum(map(str.isdigit, text)) > _MAX_DIGITS:
        return False
    return all(is_term(word) for word in words)


def _variants(plain: str) -> Iterator[str]:
    choices = [_ALIKE.get(letter, letter) for letter in plain]
    for number, letters in enumerate(product(*choices)):
        if number >= _MAX_VARIANTS:
            return
        yield "".join(letters)
