"""Which instances a C-MOVE or C-GET asks for. PS3.4 C.4.2.2 and C.4.3.2."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pacs.dicom.dictionary import tag_of
from pacs.dimse.identifier import LEVEL_NAMES, Identifier, check_upper_keys, level_of, levels_of
from pacs.errors import BadQuery, NotFound
from pacs.index.attributes import UNIQUE_KEYS
from pacs.model import InstanceKey, Level, Principal, StoredInstance
from pacs.query import Exact, Match, Query

if TYPE_CHECKING:
    from pacs.archive import Archive

_CHUNK = 500  # UIDs in one query


def instances_of(
    archive: "Archive", principal: Principal, identifier: Identifier, sop_class_uid: str, *, relational: bool
) -> list[StoredInstance]:
    """The visible instances that the unique keys name; empty when there are none.

    Raises `BadQuery` when the key of the level, or of one above it, is missing, empty or a pattern: an empty key never
    means everything here.
    """
    levels = levels_of(sop_class_uid)
    level = level_of(identifier, levels)
    uids = _required(identifier, level)
    if not relational:
        check_upper_keys(identifier, level, levels)
    patients = set(identifier.values(tag_of("PatientID"))) if Level.PATIENT in levels else set()
    found: dict[int, StoredInstance] = {}
    for key in _opened(archive, principal, _matches(identifier, level, levels), level):
        try:
            for each in archive.open(key, principal):
                if level is not Level.INSTANCE or each.sop_uid in uids:
                    found[each.id] = each
        except NotFound:
            continue
    return [each for each in found.values() if not patients or each.patient_id in patients]


def _required(identifier: Identifier, level: Level) -> frozenset[str]:
    keyword = UNIQUE_KEYS[level]
    values = identifier.values(tag_of(keyword))
    if not values or any("*" in each or "?" in each for each in values):
        raise BadQuery(f"{keyword} must name what to retrieve at level {LEVEL_NAMES[level]}", tag_of(keyword))
    return frozenset(values)


def _matches(identifier: Identifier, level: Level, levels: tuple[Level, ...]) -> dict[Level, tuple[str, ...]]:
    """The unique keys that were given, from the top."""
    given = {each: tuple(identifier.values(tag_of(UNIQUE_KEYS[each]))) for each in levels if each.depth <= level.depth}
    return {each: values for each, values in given.items() if values}


def _known(archive: "Archive", principal: Principal, study_uids: Sequence[str]) -> Sequence[str]:
    """Those of many studies that are here: tens of thousands may be named, and opening each takes its time."""
    if len(study_uids) <= _CHUNK:
        return study_uids
    known: set[str] = set()
    for start in range(0, len(study_uids), _CHUNK):
        matches = (Match("StudyInstanceUID", Exact(tuple(study_uids[start : start + _CHUNK]))),)
        known |= {str(row["StudyInstanceUID"]) for row in archive.find(Query(Level.STUDY, matches), principal)}
    return [each for each in dict.fromkeys(study_uids) if each in known]


def _opened(
    archive: "Archive", principal: Principal, keys: dict[Level, tuple[str, ...]], level: Level
) -> Iterator[InstanceKey]:
    """What to open: whole studies or series. Instances are taken out of their series, so a long list costs one look."""
    studies, series = keys.get(Level.STUDY, ()), keys.get(Level.SERIES, ())
    if level is Level.STUDY and studies:
        yield from (InstanceKey(each) for each in _known(archive, principal, studies))
    elif len(studies) == 1 and series and level is not Level.PATIENT:
        yield from (InstanceKey(studies[0], each) for each in series)
    else:  # by patient, or relational: the index says where it is
        matches = tuple(Match(UNIQUE_KEYS[each], Exact(values)) for each, values in keys.items())
        where = Level.STUDY if level is Level.PATIENT else Level.SERIES
        for row in archive.find(Query(where, matches), principal):
            series_uid = None if where is Level.STUDY else str(row["SeriesInstanceUID"])
            yield InstanceKey(str(row["StudyInstanceUID"]), series_uid)
