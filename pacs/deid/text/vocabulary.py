"""Words that stay under full cleaning. The lists are data (`data/vocabulary`), made by scripts/make-vocabulary.

terms      radiology, anatomy, machines, DICOM's own words: no name even where a patient is called so
ordinary   medical and everyday words (American and British) that are no names
ambiguous  words of both lists that are family or given names too: where a person stands, they are one
named_terms  terms that many people are called: beside another part of a name they go
names_first  everyday words that are names before they are words: they stay in small letters within a sentence
eponyms    names that stay within their phrase (``Crohn disease``)
look_alikes, letters, short, acronyms  what pacs.deid.text.spelling must not take for words: names, and institutions
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from pacs.deid.text.folding import fold

_SUFFIXES = (
    "ectomy|ectomies|ostomy|otomy|oscopy|oscopic|oplasty|opathy|opathic|ography|ographic|ogram|ograms|ometry|osis|iasis"
    "|itis|emia|aemia|uria|megaly|algia|sclerosis|stenosis|ological|angiography|genic|trophy|plasia|plastic|esthesia"
    "|graphy|metric|cardial|arterial|venous|hepatic|vertebral|phageal"
)
_MEDICAL = re.compile(rf"[a-z]{{3,}}(?:{_SUFFIXES})s?")
_PREFIX = re.compile(
    r"(?:non|pre|post|intra|inter|extra|peri|para|retro|sub|supra|infra|trans|multi|pseudo|neuro|cardio|broncho|hepato"
    r"|costo|sterno|thoraco|lumbo|sacro|cervico|cranio|maxillo|temporo|fronto|parieto|occipito|femoro|tibio|antero"
    r"|postero|infero|supero|ventro|dorso|latero|medio|micro|macro|hyper|hypo|hemi|semi|bi|tri|uni|poly|mono|endo|epi"
    r"|anti|auto|radio|angio|arterio|veno|osteo|chondro|myo|hemo|hydro|pneumo|gastro|entero|recto|vesico|uro|cysto"
    r"|nephro|pyelo|re|un|over|under)-?([a-z]{4,})"
)
_MIN_MEDICAL = 8
_SIDES = frozenset(
    "lt rt left right l r both bilat bilateral ap pa lat lateral obl oblique axial ax view views projection"
    " method modified reverse xr dx cr x ray xray standing stehend upright supine prone".split()
)


def _listed(name: str) -> list[str]:
    content = (files("pacs.deid") / "data" / "vocabulary" / name).read_text(encoding="utf-8")
    return [line for line in content.splitlines() if line and not line.startswith("#")]


def _words(*names: str) -> frozenset[str]:
    return frozenset(" ".join(line for name in names for line in _listed(name)).split())


def _phrases(name: str) -> Mapping[str, frozenset[str]]:
    """The words that keep each name; a name of several lines has those of all of them."""
    out: dict[str, frozenset[str]] = {}
    for line in _listed(name):
        names, _, heads = line.partition(":")
        for each in names.split():
            out[each] = out.get(each, frozenset()) | frozenset(heads.split())
    return out


@dataclass(frozen=True, slots=True)
class Lists:
    """The vocabulary, folded. `eponyms`: the words one of which must follow within two, or stand before.

    `core`: words that others are derived from. `no_words`: what looks derived and is a name or an institution.
    `letters`: three letters in a row as names have them, ``^`` and ``$`` for the ends.
    """

    terms: frozenset[str]
    ordinary: frozenset[str]
    ambiguous: frozenset[str]
    eponyms: Mapping[str, frozenset[str]]
    views: Mapping[str, frozenset[str]]
    generic: frozenset[str]
    short: frozenset[str]
    names_first: frozenset[str]
    core: frozenset[str]
    no_words: frozenset[str]
    letters: frozenset[str]
    named_terms: frozenset[str]


@cache
def lists() -> Lists:
    """The lists, read once."""
    return Lists(
        _words("radiology.txt", "terms.txt"),
        _words("ordinary.txt", "abroad.txt"),
        _words("ambiguous.txt"),
        _phrases("eponyms.txt"),
        _phrases("views.txt"),
        _words("institutions.txt"),
        _words("short.txt"),
        _words("names_first.txt"),
        _words("radiology.txt", "techniques.txt", "products.txt"),
        _words("look_alikes.txt", "acronyms.txt"),
        _words("letters.txt"),
        _words("named_terms.txt"),
    )


@lru_cache(maxsize=65536)
def is_term(folded: str) -> bool:
    """Whether a folded word is of radiology, anatomy or DICOM itself: it stays even where a patient is called so."""
    return folded in lists().terms


@lru_cache(maxsize=65536)
def is_word(folded: str) -> bool:
    """Whether a folded word stays under full cleaning."""
    known = lists()
    if folded in known.terms or folded in known.ordinary:
        return True
    if len(folded) == 2 and folded.isascii():  # two letters are an abbreviation, unless somebody may be called so
        return folded not in known.short
    if folded in known.names_first:
        return False
    if len(folded) > 4 and folded.endswith("s") and folded[:-1] in known.terms:
        return True
    if len(folded) >= _MIN_MEDICAL and _MEDICAL.fullmatch(folded):
        return True
    compound = _PREFIX.fullmatch(folded)
    return compound is not None and (compound[1] in known.terms or compound[1] in known.ordinary)


def is_name_first(folded: str) -> bool:
    """Whether an everyday word is a name before it is a word, such as ``rose``: it stays only in small letters."""
    return folded in lists().names_first


def may_be_person(folded: str) -> bool:
    """Whether a word that stays is a family or given name too."""
    return folded in lists().ambiguous


def is_named_term(folded: str) -> bool:
    """Whether many people are called as this term is (``long``, ``white``)."""
    return folded in lists().named_terms


def may_be_initials(word: str) -> bool:
    """Whether two capital letters are no word, so that beside a name they are its initials."""
    plain = fold(word)
    return (
        len(word) == 2
        and word.isupper()
        and word.isalpha()
        and plain not in lists().terms
        and plain not in lists().ordinary
    )


def is_code(word: str) -> bool:
    """Whether a short run of ASCII letters, all of one case, is the name of nobody known."""
    plain = fold(word)
    return word.isascii() and word.isalpha() and (word.isupper() or word.islower()) and plain not in lists().short


def keeps_eponym(word: str, before: tuple[str, ...], after: tuple[str, ...]) -> bool:
    """Whether a name stands within the phrase that it is known for: ``Crohn`` before ``disease``."""
    heads = lists().eponyms.get(word) or lists().eponyms.get(word.removesuffix("s"))
    return heads is not None and not heads.isdisjoint((*before, *after))


def keeps_view(word: str, others: Collection[str]) -> bool:
    """Whether a name is of a projection here: a word of its region stands in the text, or only sides and views do."""
    regions = lists().views.get(word)
    if regions is None:
        return False
    return not regions.isdisjoint(others) or all(other in _SIDES or not other.isalpha() for other in others)


__all__ = ["fold", "is_code", "is_term", "is_word", "keeps_eponym", "keeps_view", "lists", "may_be_person"]
