"""Tokens that are neither words nor identity: numbers with units, kernels, b-values, sizes, versions.

``B30f`` ``H31s`` ``T1`` ``b1000`` ``VB20A`` ``L4-5`` ``512x512`` ``1.25mm`` ``3D`` ``99mTc`` ``iMAR3``.
"""

import re
from functools import lru_cache

from pacs.deid.text.folding import RUN, WORD, atoms, fold
from pacs.deid.text.spelling import reason_of
from pacs.deid.text.vocabulary import is_word

_UNITS = (
    "mm|cm|m|um|µm|μm|nm|ml|cc|cl|dl|l|mg|mcg|ug|µg|g|gm|kg|lb|lbs|oz|in|ft|gy|cgy|mgy|mgycm|sv|msv|mas|ma|a|kv|kvp|mv|kev|mev"
    "|s|sec|secs|ms|msec|us|min|mins|h|hr|hrs|d|day|days|wk|wks|w|mo|mos|mth|y|yr|yrs|yo|hz|khz|mhz|ghz|t|tesla|k|ppm|px|pct"
    "|deg|fps|bpm|bq|kbq|mbq|gbq|ci|mci|uci|iu|meq|mmol|mol|mhu|hu|fr|ga|gauge|ph|phase|phases|d|x|nd|rd|st|th|sl|slice|slices"
    "|row|b|bit|bits|fx|frac|mmhg|cmh2o|db|gb|mb|kb|v|view|views|vw|vws|p|f|fl|ch|channel|ax|sag|cor|pm|am|i|o|c|r|n|ml/s"
)
_MEASURE = re.compile(
    rf"[<>~≤≥+-]?\d{{1,6}}(?:[.,]\d+)?(?:{_UNITS})?(?:\^?[23])?(?:(?:/|per|p)(?:{_UNITS}|\d{{1,4}}))?[%°]?"
)
_SIZE = re.compile(rf"(?:\d{{1,5}}(?:[.,]\d+)?(?:{_UNITS})?[x×*]){{1,3}}\d{{1,5}}(?:[.,]\d+)?(?:{_UNITS})?")
_VERSION = re.compile(r"[a-z]{0,3}\d{1,5}(?:\.\d{1,6}){1,4}[a-z]{0,3}\d{0,3}")
_DECIMAL = re.compile(r"[a-z]{1,3}[-=]?\d{1,4}[.,]\d{1,3}[a-z]{0,3}")
_ISOTOPE = re.compile(r"(?:\d{1,3}m?-?[a-z]{1,2}|[a-z]{1,2}-?\d{1,3}m?)")
_CLOCK = re.compile(r"\d{1,2}[:.h]\d{2}(?:[:.]\d{2}(?:\.\d+)?)?(?:[ap]m)?")
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?e[+-]?\d{1,3}")
# What stands between joined words: SENSTSET2AX, BreasFS3DSAG.
_JOINT = re.compile(r"(?i)[234]d|t[12]w?|(?<=[a-z])\d{1,2}(?![a-z\d])")
_MAX_DIGITS = 5
_MAX_DIGITS_OF_CODE = 3  # more digits behind letters that are no word look like an id
_MAX_LETTERS = 2
_MAX_RUNS = 7


@lru_cache(maxsize=65536)
def is_technical(token: str) -> bool:
    """Whether a token without blanks, in the case of the text, is a technical form that identifies nobody."""
    plain = fold(token).strip(".,;:!?")
    if not any(letter.isdigit() for letter in plain):
        return False
    forms = (_MEASURE, _SIZE, _VERSION, _DECIMAL, _CLOCK, _SCIENTIFIC, _ISOTOPE)
    if any(form.fullmatch(plain) for form in forms):
        return sum(letter.isdigit() for letter in plain) <= _MAX_DIGITS or "." in plain or "x" in plain
    return False


@lru_cache(maxsize=65536)
def is_technical_word(word: str) -> bool:
    """Whether a run of letters and digits is technical: short runs, and words of the vocabulary with a number."""
    plain = fold(word)
    if plain.isdigit():
        return len(plain) <= _MAX_DIGITS
    if not any(letter.isdigit() for letter in plain):
        return False
    if is_technical(plain):
        return True
    runs = RUN.findall(plain)
    if len(runs) > _MAX_RUNS or any(run.isdigit() and len(run) > _MAX_DIGITS for run in runs):
        return False
    few = sum(map(str.isdigit, plain)) <= _MAX_DIGITS_OF_CODE
    return any(all(_is_plain_run(run, few=few) for run in way) for way in (runs, atoms(word), _JOINT.split(word)))


def _is_plain_run(run: str, *, few: bool) -> bool:
    """Whether a run within a word says nothing: a number, one or two letters, a word; with `few` digits a code too."""
    plain = fold(run)
    if plain.isdigit() or (plain.isascii() and len(plain) <= _MAX_LETTERS) or is_word(plain):
        return True
    return few and bool(reason_of(run))


def is_number(text: str) -> bool:
    """Whether a token is digits and marks only, with few digits."""
    return bool(WORD.search(text)) and all(part.isdigit() and len(part) <= _MAX_DIGITS for part in WORD.findall(text))
