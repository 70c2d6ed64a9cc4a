"""Writing: identity, duplicates, revisions, tombstones, and aggregates that are exact after everything."""

from datetime import UTC, datetime

import pytest
from peewee import Database

from pacs.db.tables.index import Instance, Patient, Series, Study
from pacs.index import Index
from pacs.model import Duplicates, InstanceKey, Level, PixelFrame, Publication, Scope, State
from pacs.query import Query
from tests.index.build import SR, publication

ALL = Scope(everything=frozenset({1, 2}))
REPLACE = {1: Duplicates.REPLACE}


@pytest.fixture
def index(database: Database) -> Index:
    return Index(database)


def write(database: Database, *batch: Publication, policies: dict[int, Duplicates] | None = None, now_ms: int = 1000):
    with database.atomic():
        return Index(database).write(batch, policies or {}, now_ms=now_ms)


def check_aggregates() -> None:
    """Recount everything in the plainest way."""
    for series in Series.select():
        mine = list(Instance.select().where(Instance.series == series))
        assert series.instance_count == len(mine) > 0
        assert series.size_bytes == sum(each.size_bytes for each in mine)
        assert series.sop_classes == "\\".join(sorted({each.sop_class_uid for each in mine}))
    for study in Study.select():
        rows = list(Series.select().where(Series.study == study))
        for prefix, some in (("", rows), ("released_", [each for each in rows if each.released])):
            assert getattr(study, f"{prefix}series_count") == len(some)
            assert getattr(study, f"{prefix}instance_count") == sum(each.instance_count for each in some)
            assert getattr(study, f"{prefix}size_bytes") == sum(each.size_bytes for each in some)
            assert getattr(study, f"{prefix}modalities") == "\\".join(sorted({each.modality for each in some}))
    for patient in Patient.select():
        studies = list(Study.select().where(Study.patient == patient))
        assert patient.study_count == len(studies) > 0
        assert patient.released_study_count == len([each for each in studies if each.released_series_count])
        for name in ("series_count", "instance_count", "size_bytes"):
            for prefix in ("", "released_"):
                column = prefix + name
                assert getattr(patient, column) == sum(getattr(each, column) for each in studies)


def test_writes_a_batch_with_parents_once(database):
    written = write(database, publication("2.25.1"), publication("2.25.2"), publication("2.25.3", series="2.25.101"))
    assert [each.state for each in written] == [State.PUBLISHED] * 3
    assert [model.select().count() for model in (Patient, Study, Series, Instance)] == [1, 1, 2, 3]
    check_aggregates()


def test_same_content_again_is_a_duplicate(database):
    write(database, publication())
    again = write(database, publication(), policies={1: Duplicates.QUARANTINE})
    assert (again[0].state, again[0].revision) == (State.DUPLICATE, 1)
    check_aggregates()


@pytest.mark.parametrize(
    ("policy", "state", "revision", "digest"),
    [
        (Duplicates.KEEP_FIRST, State.DUPLICATE, 1, "first"),
        (Duplicates.REPLACE, State.PUBLISHED, 2, "second"),
        (Duplicates.QUARANTINE, State.QUARANTINED, 1, "first"),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_other_content_follows_the_policy(database, policy, state, revision, digest, together):
    first, second = publication(), publication(content="second", size=5000)
    if together:
        written = write(database, first, second, policies={1: policy})[1]
    else:
        write(database, first)
        written = write(database, second, policies={1: policy})[0]
    assert (written.state, written.revision) == (state, revision)
    stored = Index(database).open(InstanceKey("2.25.10"), ALL)
    assert [each.digest for each in stored] == [f"1-2.25.1000-{digest}"]
    assert written.replaced_digest == ("1-2.25.1000-first" if policy is Duplicates.REPLACE else None)
    check_aggregates()


def test_replacement_may_move_to_another_series(database):
    write(database, publication(), publication("2.25.2"))
    write(database, publication("2.25.2", series="2.25.105", content="second"), policies=REPLACE)
    assert sorted(each.series_uid for each in Index(database).open(InstanceKey("2.25.10"), ALL)) == [
        "2.25.100",
        "2.25.105",
    ]
    check_aggregates()


def test_replacement_corrects_attributes(database, index):
    write(database, publication(StudyDescription="wrong"))
    write(database, publication(content="second", StudyDescription="right"), policies=REPLACE)
    row = next(iter(index.search(Query(Level.STUDY, returned=frozenset(("StudyDescription",))), ALL)))
    assert row["StudyDescription"] == "right"


def test_later_objects_fill_empty_attributes_only(database, index):
    write(database, publication(StudyDescription="", PatientSex=""))
    write(database, publication("2.25.2", StudyDescription="later", PatientSex="F", StudyDate="20000101"))
    wanted = frozenset(("StudyDescription", "PatientSex", "StudyDate"))
    row = next(iter(index.search(Query(Level.STUDY, returned=wanted), ALL)))
    assert [row[name] for name in sorted(wanted)] == ["F", "20200115", "later"]


def test_same_uids_in_two_collections_stay_apart(database, index):
    write(database, publication(), publication(collection=2))
    assert Instance.select().count() == 2
    assert [each.collection_id for each in index.open(InstanceKey("2.25.10"), ALL, order=(2, 1))] == [2]
    assert [each.collection_id for each in index.open(InstanceKey("2.25.10"), ALL, order=(1, 2))] == [1]
    assert [each.collection_id for each in index.open(InstanceKey("2.25.10"), Scope(released=frozenset({2})))] == [2]
    check_aggregates()


def test_same_series_uid_under_two_studies_stays_apart(database, index):
    write(database, publication("2.25.1"), publication("2.25.2", study="2.25.11"))
    assert [each.sop_uid for each in index.open(InstanceKey("2.25.11", "2.25.100"), ALL)] == ["2.25.2"]
    assert Series.select().count() == 2
    check_aggregates()


def test_study_stays_with_its_first_patient(database):
    write(database, publication("2.25.1"), publication("2.25.2", PatientID="OTHER"))
    assert [each.patient_id for each in Patient.select()] == ["TRIAL-0001"]
    check_aggregates()


def test_unreleased_object_takes_series_into_review(database, index):
    write(database, publication("2.25.1"))
    public = Scope(released=frozenset({1}))
    assert len(index.open(InstanceKey("2.25.10"), public)) == 1
    write(database, publication("2.25.2", released=False))
    assert index.open(InstanceKey("2.25.10"), public) == []
    check_aggregates()


def test_release_and_take_back(database, index):
    write(database, publication("2.25.1", released=False), publication("2.25.2", series="2.25.101", released=False))
    with database.atomic():
        assert index.release(1, ["2.25.101", "2.25.999"], released=True) == 1
    check_aggregates()
    with database.atomic():
        assert index.release(1, None, released=True) == 1
        assert index.release(1, None, released=True) == 0
    check_aggregates()
    with database.atomic():
        assert index.release(1, None, released=False) == 2
    check_aggregates()


def test_removed_object_does_not_come_back(database, index):
    write(database, publication("2.25.1"), publication("2.25.2"), publication("2.25.3", study="2.25.11"))
    with database.atomic():
        assert index.remove(InstanceKey("2.25.10", "2.25.100", "2.25.1"), 1) == ["1-2.25.1-first"]
    check_aggregates()
    assert write(database, publication("2.25.1"))[0].state is State.DROPPED
    with database.atomic():
        assert index.remove(InstanceKey("2.25.10"), 2) == []
        assert len(index.remove(InstanceKey("2.25.10"), 1)) == 1
    assert [each.study_uid for each in Study.select()] == ["2.25.11"]
    check_aggregates()


def test_metadata_and_frames_come_back(database, index):
    said: list[dict[str, object]] = [{"00080018": {"vr": "UI", "Value": [f"2.25.{number}"]}} for number in (1, 2)]
    second = publication("2.25.2", InstanceNumber="0", metadata=said[1])
    write(database, publication("2.25.1", metadata=said[0]), second)
    stored = index.open(InstanceKey("2.25.10"), ALL)
    assert [each.sop_uid for each in stored] == ["2.25.2", "2.25.1"]
    assert list(index.metadata([each.id for each in stored])) == [
        b'{"00080018":{"vr":"UI","Value":["2.25.2"]}}',
        b'{"00080018":{"vr":"UI","Value":["2.25.1"]}}',
    ]
    assert index.frames(stored[0].id) == (PixelFrame(((500, 500),)),)
    assert stored[0].frames == 1
    described = index.describe(InstanceKey("2.25.10"), ALL)
    assert [(each.id, each.sop_uid, each.digest) for each in described] == [
        (each.id, each.sop_uid, each.digest) for each in stored
    ]
    assert index.describe(InstanceKey("2.25.10"), Scope()) == []


def test_settled_series_are_handed_out_until_examined(database, index):
    write(database, publication("2.25.1"), now_ms=1000)
    later = datetime.fromtimestamp(5, UTC)
    (series,) = index.settled(later)
    assert index.settled(datetime.fromtimestamp(1, UTC)) == []
    write(database, publication("2.25.2"), now_ms=2000)
    assert not index.examined(series)
    assert index.unexamined(series.collection_id) == {series.series_uid}
    (series,) = index.settled(later)
    assert index.examined(series)
    assert index.unexamined(series.collection_id) == set()
    index.set_flags(series.id, ("b", "a"))
    assert index.settled(later) == []
    write(database, publication("2.25.3"), now_ms=3000)
    assert index.settled(later)[0].flags == ("a", "b")


def test_awkward_values_are_stored_harmlessly(database, index):
    odd = publication(PatientName="A\0B" + "x" * 20_000, SeriesNumber="99999999999", InstanceNumber="x", Rows="1\\2")
    assert write(database, odd)[0].state is State.PUBLISHED
    wanted = frozenset(("SeriesNumber", "InstanceNumber", "Rows"))
    row = next(iter(index.search(Query(Level.INSTANCE, returned=wanted), ALL)))
    assert [row[name] for name in ("SeriesNumber", "InstanceNumber", "Rows")] == [None, None, 1]


def test_several_classes_in_a_series_are_counted(database):
    write(database, publication("2.25.1"), publication("2.25.2", sop_class=SR))
    check_aggregates()


@pytest.mark.parametrize("level", [Level.STUDY, Level.SERIES, Level.INSTANCE])
def test_shared_study_is_found_in_first_collection_only(database, index, level):
    write(database, publication(), publication(collection=2), publication("2.25.2", study="2.25.11", collection=2))
    wanted = Query(level, returned=frozenset(("StudyInstanceUID",)))
    for order, count in (((), 3), ((1, 2), 2), ((2, 1), 2), ((2,), 3)):
        rows = index.search(wanted, ALL, order)
        assert len(list(rows)) == rows.total() == count
    assert len(list(index.search(wanted, Scope(everything=frozenset({2})), (1, 2)))) == 2
    hidden = publication("2.25.3", study="2.25.12", released=False)
    write(database, hidden, publication("2.25.3", study="2.25.12", collection=2))
    assert len(list(index.search(wanted, Scope(released=frozenset({1, 2})), (1, 2)))) == 3
