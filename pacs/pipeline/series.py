"""Series stages: what can only be seen when a series is whole. They run when it has settled, and set flags."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import orjson

from pacs.archive import Archive
from pacs.deid import load_profile
from pacs.jobs.sending import queue_sends
from pacs.model import CollectionInfo, InstanceKey, Release, Scope
from pacs.pipeline.faces import FLAG as FACE
from pacs.pipeline.faces import find_faces

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


SERIES_STAGES: tuple[SeriesStage, ...] = (check_consistency, find_faces)


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
        collection = archive.registry.snapshot().collections.get(series.collection_id)
        faces = faces_policy(archive, collection) if collection is not None else "flag"
        if faces == "ignore":
            flags -= {FACE}
        with archive.parts.database.atomic():
            unchanged = index.examined(series)
            if unchanged and flags != frozenset(series.flags):
                index.set_flags(series.id, flags)
            if unchanged and faces == "hold" and FACE not in flags and collection is not None:
                _release_faceless(archive, collection, series.series_uid)
            if unchanged and collection is not None:
                forward(archive, collection, series.series_uid)
        count += 1
    return count


def forward(archive: Archive, collection: CollectionInfo, series_uid: str) -> None:
    """Queue what the collection's forwarding rules want, for a settled series that is released."""
    rules = archive.registry.snapshot().forwards.get(collection.id, {})
    if rules and archive.parts.index.is_released(collection.id, series_uid):
        queue_sends(archive.parts.jobs, rules, collection.name, [series_uid])


def faces_policy(archive: Archive, collection: CollectionInfo) -> str:
    """What a collection does about faces: flag, hold or ignore."""
    return collection.faces or load_profile(collection.profile, archive.parts.profiles).settings.faces


def _release_faceless(archive: Archive, collection: CollectionInfo, series_uid: str) -> None:
    """A series that waited only for this look is released, where release is automatic."""
    if collection.release is not Release.AUTOMATIC:
        return
    with archive.parts.database.atomic():
        archive.parts.index.release(collection.id, [series_uid], released=True)
    if collection.originals == "until-release":
        for intake_id in archive.parts.receipts.published_in(collection.id, series_uid):
            archive.parts.originals.forget(collection.id, intake_id)
