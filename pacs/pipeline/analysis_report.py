"""A report of `analysis` as somebody hands it in: counts, words that are known, and patterns; nothing else gets in.

So no value that could identify comes with it, whoever made the file. Faults name the part of the report, not its text.
"""

import builtins
import re
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

import orjson
from pydicom.datadict import tag_for_keyword
from pydicom.uid import UID

from pacs import errors
from pacs.deid.pixels.suspicion import REASONS
from pacs.deid.private import shown_creator
from pacs.deid.profiles import Profile
from pacs.dicom.syntaxes import STORAGE_CLASSES, TRANSFER_SYNTAXES
from pacs.errors import BadRequest
from pacs.pipeline import analysis
from pacs.pipeline.patterns import MOST_KINDS

MAX_BYTES = 1 << 20
OTHER_PROFILE = "another profile"
_MOST_CREATORS = 401
_MOST_MISSING = 64
_MOST_NUMBER = 1 << 53  # what JSON's readers hold exactly
_COUNTS = ("files", "objects", "bytes", "patients", "studies", "series")
_PATTERN = re.compile("[Aa9?…_/.^=#: -]{1,200}")
_VERSION = re.compile("[0-9a-f]{12}")
_PROBLEMS = frozenset(
    (analysis.DOCUMENT, analysis.SAME_FILE, analysis.SAME_UID, analysis.SEVERAL_PATIENTS, analysis.SEVERAL_STUDIES)
) | {analysis.NO_UID.format(each) for each in ("sop", "study", "series")}

Report = dict[str, Any]


def read_report(content: bytes, profile: Profile, profiles: Collection[str]) -> Report:
    """A report that holds nothing but what `analysis` writes. Raises `BadRequest` with the part that is otherwise.

    `profile` is the collection's: creators that it knows may be named. A profile's name that is not one of `profiles`
    is not kept.
    """
    try:
        given = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise BadRequest("the report is no JSON; pacs analyze FOLDER --json writes it") from None
    if len(content) > MAX_BYTES or not isinstance(given, dict) or given.get("report") != analysis.FORM:
        raise BadRequest("this is no report of pacs analyze FOLDER --json")
    known = {"report", "profile", "profile_version", "counts", "private_creators", "sending_s", *_COUNTED, *_kinds()}
    if given.keys() - known:
        raise BadRequest("the report has parts that pacs analyze does not write")
    name = given.get("profile")
    return {
        "report": analysis.FORM,
        "profile": name if isinstance(name, str) and name in profiles else OTHER_PROFILE,
        "profile_version": _version(given.get("profile_version")),
        "counts": _table(given, "counts", lambda each: each in _COUNTS, len(_COUNTS), _COUNTS),
        **{part: _table(given, part, is_known, most) for part, (is_known, most) in _kinds().items() if part in given},
        "private_creators": _creators(given.get("private_creators"), profile),
        "series_that_may_show_a_face": _number(given.get("series_that_may_show_a_face"), "faces"),
        "patients_without_mapping": _number_or_none(given.get("patients_without_mapping")),
        "sending_s": _table(given, "sending_s", lambda each: each in analysis.LINES, 8, tuple(analysis.LINES)),
    }


_COUNTED = ("series_that_may_show_a_face", "patients_without_mapping")
_Known = Callable[[str], bool]


@cache
def _kinds() -> Mapping[str, tuple[_Known, int]]:
    """What may be counted in each part of a report, and how many of it there are at most."""
    # A site's own pydicom may know fewer names than ours, and then writes the UID.
    classes = {*STORAGE_CLASSES, *(UID(each).name for each in STORAGE_CLASSES), analysis.PRIVATE_CLASS}
    syntaxes = {*TRANSFER_SYNTAXES, *(UID(each).name for each in TRANSFER_SYNTAXES), analysis.UNKNOWN}
    risks = frozenset((*REASONS, analysis.PAPER, analysis.LABEL, analysis.NO_PIXELS, analysis.UNSUSPECTED))
    kinds = {
        "modalities": lambda each: each in analysis.KNOWN_MODALITIES or _is_pattern(each),
        "sop_classes": lambda each: each in classes,
        "transfer_syntaxes": lambda each: each in syntaxes,
        "manufacturers": lambda each: each in analysis.MAKERS or _is_pattern(each),
        "burned_in_text": lambda each: each in risks,
        "patterns_of_PatientID": _is_pattern,
        "patterns_of_AccessionNumber": _is_pattern,
        "patterns_of_StudyID": _is_pattern,
        "not_dicom": lambda each: each in _no_objects(),
    }
    found: dict[str, tuple[_Known, int]] = {name: (_or_others(known), MOST_KINDS + 1) for name, known in kinds.items()}
    found["missing_type_1"] = (lambda each: tag_for_keyword(each) is not None, _MOST_MISSING)
    found["problems"] = (lambda each: each in _PROBLEMS, len(_PROBLEMS))
    return found


def _or_others(is_known: _Known) -> _Known:
    return lambda each: each == analysis.OTHERS or is_known(each)


@cache
def _no_objects() -> frozenset[str]:
    """Why a file is no object."""
    ours = {name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, Exception)}
    other = {name for name, each in vars(builtins).items() if isinstance(each, type) and issubclass(each, Exception)}
    said = {analysis.NO_OBJECT.format(each) for each in ours}
    said |= {analysis.NO_ANALYSIS.format(each) for each in (*other, analysis.SOME_ERROR)}
    return frozenset((analysis.EMPTY_FILE, analysis.UNREADABLE, analysis.DICOMDIR, *said))


def _is_pattern(text: str) -> bool:
    return text == analysis.EMPTY or _PATTERN.fullmatch(text) is not None


def _table(
    given: Mapping[str, object], part: str, is_known: _Known, most: int, wanted: Collection[str] = ()
) -> dict[str, int]:
    """Numbers by what they count. `wanted`: these, all of them."""
    found = given.get(part)
    if not isinstance(found, dict) or len(found) > most or not all(map(is_known, found)):
        raise BadRequest(f"{part} of the report is not as pacs analyze writes it")
    if any(each not in found for each in wanted):
        raise BadRequest(f"{part} of the report is not whole")
    return {name: _number(count, part) for name, count in found.items()}


def _creators(given: object, profile: Profile) -> list[dict[str, object]]:
    """Private creators; known ones by name, others as patterns."""
    if not isinstance(given, list) or len(given) > _MOST_CREATORS:
        raise BadRequest("private_creators of the report is not as pacs analyze writes it")
    found: list[dict[str, object]] = []
    for each in given:
        if not isinstance(each, dict) or each.keys() != {"creator", "kept", "removed"}:
            raise BadRequest("private_creators of the report is not as pacs analyze writes it")
        name = each["creator"]
        if not isinstance(name, str) or not _may_be_named(name, profile):
            raise BadRequest("private_creators of the report names one that is not known here, nor a pattern")
        counts = {part: _number(each[part], "private_creators") for part in ("kept", "removed")}
        found.append({"creator": name, **counts})
    return found


def _may_be_named(name: str, profile: Profile) -> bool:
    words = (analysis.OTHERS, analysis.NO_CREATOR)
    return name in words or _PATTERN.fullmatch(name) is not None or bool(shown_creator(name, profile))


def _number(given: object, part: str) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given < _MOST_NUMBER:
        raise BadRequest(f"{part} of the report holds what is no count")
    return given


def _number_or_none(given: object) -> int | None:
    return None if given is None else _number(given, "patients_without_mapping")


def _version(given: object) -> str:
    if not isinstance(given, str) or not _VERSION.fullmatch(given):
        raise BadRequest("profile_version of the report is none")
    return given
