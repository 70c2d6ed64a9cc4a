"""Series stages: what can only be seen when a series is whole. They run when it has settled, and set flags."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import orjson

from pacs.archive import Archive
from pacs.model import InstanceKey, Scope

Instance = Mapping[str, Mapping[str, object]]  # DICOM JSON model of one instance, PS3.18 Annex F
SeriesStage = Callable[[Sequence[Instance]], frozenset[str]]

# One series has one of each of these: PS3.3 C.7.3.1 (series), C.7.5.1 (equipment), C.7.1.1 and C.7.2.1 (above it).
ONE_OF_EACH = {
    "00080060": "Modality",
    "0020000D": "StudyInstanceUID",
    "00100020": "PatientID",
    "00200052": "FrameOfReferenceUID",
    "0008103E": "SeriesDescription",
    "00200011": "SeriesNumber",
    "00080070": "Manufacturer",
}


def check_consistency(instances: Sequence[Instance]) -> frozenset[str]:
    """Flags such as ``inconsistent:Modality`` for attributes that a series must agree on and does not.

    An attribute that only some instances carry counts as no disagreement.
    """
    found = set()
    for tag, keyword in ONE_OF_EACH.items():
        values = {orjson.dumps(each[tag]["Value"]) for each in instances if "Value" in each.get(tag, {})}
        if len(values) > 1:
            found.add(f"inconsistent:{keyword}")
    return frozenset(found)


SERIES_STAGES: tuple[SeriesStage, ...] = (check_consistency,)


def run_series_stages(archive: Archive, settle_s: float) -> int:
    """Run every stage over each series that nothing came to for `settle_s` seconds; returns how many there were.

    Running it twice on a series gives the same flags; two workers doing so at once is wasteful, not wrong.
    """
    index = archive.parts.index
    before = datetime.now(UTC) - timedelta(seconds=settle_s)
    count = 0
    for series in index.settled(before):
        everything = Scope(everything=frozenset((series.collection_id,)))
        stored = index.open(InstanceKey(series.study_uid, series.series_uid), everything)
        instances = [orjson.loads(each) for each in index.metadata([each.id for each in stored])]
        flags = frozenset[str]().union(*(stage(instances) for stage in SERIES_STAGES))
        with archive.parts.database.atomic():
            if index.examined(series) and flags != frozenset(series.flags):
                index.set_flags(series.id, flags)
        count += 1
    return count
