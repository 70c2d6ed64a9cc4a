"""Words that are no identity by themselves, and how words are compared."""

import re
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files

from pydicom._dicom_dict import DicomDictionary

WORD = re.compile(r"[^\W_]+")
# Letters that have no decomposition in Unicode.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "’": "'", "ʼ": "'"}
)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f]")

# Values that say that there is nobody: whole words (digits after them do not matter), and beginnings of words.
_PLACEHOLDERS = frozenset(
    "unknown unbekannt none test tester testing phantom nobody noname null nil patient dummy undefined unspecified "
    "sample example demo volunteer subject doe operator user admin na no name not available given specified".split()
)
_PLACEHOLDER_STARTS = ("anonym", "anonim", "deident", "removed", "redacted")
# Titles and suffixes, never a name. PS3.5 6.2.1.2.
TITLES = frozenset(
    "dr dres md mds phd jr sr ii iii iv esq mr mrs ms miss prof professor doctor rt rtr tech technician technologist "
    "rn np pa do dds dvm frcr msc bsc ba bs dipl ing med herr frau mme mlle sir madame monsieur senor senora nurse "
    "physician radiologist".split()
)
# After these the next word is a person. Those that are modalities too (DR, MR, MS) count only as a title is written.
_SURE_TITLE = re.compile(
    r"(?:\b(?:Dr|Mr|Ms|Mrs|Prof)\b\.?|\b(?:DR|MR|MS|dr|mr)\.|(?i:\b(?:mrs|miss|prof|professor|doctor|herr|frau|mme"
    r"|mlle|madame|monsieur|senora?)\b\.?))\s*$"
)


@lru_cache(maxsize=4096)  # the slices of a series say the same
def fold(text: str) -> str:
    """Lower case without accents, full-width forms made plain: what a reader takes to be the same."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold()).translate(_PLAIN)
    stripped = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", stripped).casefold()


def words(folded: str) -> list[str]:
    """Words in their order; underscores and punctuation part them."""
    return WORD.findall(folded)


def has_cjk(text: str) -> bool:
    """Whether there is a letter of a script that writes without blanks between words."""
    return not text.isascii() and _CJK.search(text) is not None


@lru_cache(maxsize=1024)
def is_placeholder(folded: str) -> bool:
    """Whether a value stands for nobody: every word of it does, or it begins like ANONYMOUS."""
    cores = [core for word in words(folded) if (core := word.strip("0123456789"))]
    if not cores:  # digits and punctuation
        return not folded.strip("0 .-_*?^=")
    return all(core in _PLACEHOLDERS or core.startswith(_PLACEHOLDER_STARTS) or not core.strip("x") for core in cores)


def is_after_title(text: str, position: int) -> bool:
    """Whether a title stands right before a position of unfolded text."""
    return _SURE_TITLE.search(text[max(0, position - 16) : position]) is not None


def _listed(name: str) -> frozenset[str]:
    content = (files("pacs.leakcheck") / "data" / name).read_text(encoding="utf-8")
    return frozenset(word for line in content.splitlines() if not line.startswith("#") for word in line.split())


@cache
def vocabulary() -> frozenset[str]:
    """Words of the package's lists and of the attribute names of PS3.6."""
    dictionary = {word for entry in DicomDictionary.values() for word in words(fold(entry[2]))}
    listed = _listed("vocabulary.txt") | _listed("terms.txt") | _listed("ambiguous.txt")
    return listed | frozenset(word for word in dictionary if word.isalpha())


@cache
def generic() -> frozenset[str]:
    """Words that many institutions share."""
    return _listed("generic.txt")
