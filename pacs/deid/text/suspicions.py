"""Forms that go under full cleaning alone: ids, addresses, networks, spaced letters, institutions, ages in short."""

import re
from collections.abc import Iterator

from pacs.deid.text.folding import fold
from pacs.deid.text.spans import Fate, Span
from pacs.deid.text.vocabulary import is_term

_NUMBERS = re.compile(
    r"(?<![\w.-])(?:\d[A-Z][A-Z\d]\d-[A-Z]{2}\d-[A-Z]{2}\d\d|\d{1,2}\.\d{3}\.\d{3}-[\dkK]|[A-Z]{2}(?:-\d\d){3}"
    r"|[A-Z]{1,3}-?(?:19|20)\d\d-\d{3,7}|(?i:case)\s+\d{5,}|(?i:room|rm)\s+\d{2,4}[A-Za-z]?(?:\s+(?i:bed)\s+\w{1,3})?"
    r"|(?i:ext)\.?\s+\d{4,5}|x\d{4,5}|(?i:zip)(?:\s*(?i:code))?:?\s*\d{5})(?![\w-])"
)
_NETWORK = re.compile(
    r"(?<![\w.:@-])(?:(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2,3}|\d{2,3}\.\d{1,3}\.\d{2,3}\.\d{1,3}"
    r"|(?:[\dA-Fa-f]{2}[:-]){5}[\dA-Fa-f]{2}|(?i:host(?:name)?|server)[\s:=]+[a-z]{1,8}-?\d{1,3}"
    r"|[\w.]+\s+at\s+\w+(?:\s+dot\s+\w+)+|@[A-Za-z_]\w{2,})(?![\w.:-])"
)
_ADDRESS = re.compile(
    r"(?<![\w.-])(?:\d{1,4}\s+[A-Z][a-z]{2,}\s+(?:St|Ave|Rd|Ln)(?!\w)(?:\.?,?\s+London)?|[A-Z][a-z]{3,}\s+(?:Avenue|Street|Road|Lane)\s+\d{1,4}"
    r"|(?:[A-Z]{2}\d[A-Z\d]?|[EGLMNSW]\d\d?|SW1A|W1[A-Z])\s\d(?!D)[ABD-HJLNP-UW-Z]{2}|[ABCEGHJ-NPR-TVXY]\d[A-Z]\s\d[A-Z]\d)(?!\w)"
)
_TOWN = re.compile(r"(?<![\w.-])\d{5}\s+([A-Z][^\W\d_]{3,})(?!\w)")
# What stands before a version of four numbers, which else is an address.
_VERSION_LABEL = re.compile(
    r"(?i)(?:(?<![a-z])(?:v|ver|vers|version|release|rel|build|software|sw|firmware|syngo|numaris)[\s:=._-]*)$"
)
_SPACED = re.compile(r"(?<!\w)(?:[A-Z] ){4,}[A-Z](?!\w)")
_HOUSE = re.compile(
    r"(?<!\w)(?:S(?:ain)?t|Mt|Mount)\.?\s+[A-Z][\w'’-]+\s+(?:[A-Z][\w'’.-]+\s+){0,3}"
    r"(?:Hospital|Infirmary|Medical\s+Cent(?:er|re)|Health|Clinic)(?!\w)"
    r"|(?<!\w)((?:[A-Z][\w'’.-]+\s+){1,4})(?:General\s+)?(?:Hospital|Infirmary|Medical\s+Cent(?:er|re)|Health)(?![\w])"
    r"|(?<!\w)(?:Royal\s+Free(?:\s+London)?|Barts\s+Health|Memorial\s+Sloan[\s-]Kettering|Cedars[\s-]Sinai|Mayo\s+Clinic"
    r"|Klinikum\s+[Rr]echts\s+der\s+Isar|Ward\s+(?=([A-Z][a-z]{3,}))[A-Z][a-z]+)(?!\w)"
)
_WORDS = re.compile(r"\S+")
_NO_PLACE = frozenset(
    "general university public private local the outpatient inpatient portable protocol children community mental"
    " home".split()
)
_NINETY = r"(?:ninety(?:[\s-](?:one|two|three|four|five|six|seven|eight|nine))?)"
_AGES = (
    re.compile(r"(?<![\w.,/-])(?P<n>9\d|10\d)(?=[MF](?![\w/.-])|\s[Yy](?!\w)|[Jj](?!\w))"),
    re.compile(r"(?<![\w/])[MF]/(?P<n>9\d|10\d)(?![\w.,/-])"),
    re.compile(rf"(?i)(?<!\w)(?P<n>{_NINETY})(?=[\s-]+(?:years?|yrs?|yo)\b)"),
    re.compile(rf"(?i)(?<!\w)aged?\s+(?P<n>{_NINETY})(?!\w)"),
)


def find(text: str) -> Iterator[Span]:
    """Suspicious spans of a text, all in doubt but the ages."""
    for pattern, reason in (
        (_NUMBERS, "looks like a number that is somebody's"),
        (_ADDRESS, "postal address"),
    ):
        for match in pattern.finditer(text):
            yield Span(*match.span(), reason, in_doubt=True)
    yield from _spaced(text)
    yield from _networks(text)
    for match in _TOWN.finditer(text):
        if not is_term(fold(match[1])):
            yield Span(*match.span(), "postal address", in_doubt=True)
    for match in _HOUSE.finditer(text):
        if _is_house(match):
            yield Span(_start_of_house(match), match.end(), "looks like an institution", in_doubt=True)
    for pattern in _AGES:
        for match in pattern.finditer(text):
            yield Span(*match.span("n"), "age over 89", Fate.SWAP, extra="90+")


def _spaced(text: str) -> Iterator[Span]:
    """Words in spaced letters, other than terms (``L I V E R``)."""
    for match in _SPACED.finditer(text):
        if not is_term(fold(match.group()).replace(" ", "")):
            yield Span(*match.span(), "a word in spaced letters", in_doubt=True)


def _networks(text: str) -> Iterator[Span]:
    """Network addresses; four numbers behind what says that they are a version are none."""
    for match in _NETWORK.finditer(text):
        if _VERSION_LABEL.search(text[: match.start()]) is None:
            yield Span(*match.span(), "network address", in_doubt=True)


def _is_house(match: re.Match[str]) -> bool:
    """Whether a word before it is a name's, not of anatomy and not what any house is called."""
    words = [word.strip(".'’-") for word in fold(match[1] or match[2] or "sinai").split()]
    return any(not is_term(word) and word not in _NO_PLACE for word in words)


def _start_of_house(match: re.Match[str]) -> int:
    """Where its name begins: terms in front of it (``CT Head Xyz Royal Infirmary``) are not of it."""
    for word in _WORDS.finditer(match[1] or ""):
        if not is_term(fold(word.group()).strip(".'’-")):
            return match.start(1) + word.start()
    return match.start()
