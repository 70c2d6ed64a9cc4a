"""Matching at all levels, on both databases."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from peewee import Database

from pacs.errors import BadQuery
from pacs.index import Index
from pacs.model import Level, Scope
from pacs.query import Condition, Empty, Exact, Match, Query, Range, Wildcard
from tests.index.build import SR, publication

ALL = Scope(everything=frozenset({1, 2}))
PUBLIC = Scope(released=frozenset({1}))
MIXED = Scope(everything=frozenset({2}), released=frozenset({1}))
MANY = Scope(everything=frozenset(range(3, 40)), released=frozenset({1, 2}))
Search = Callable[..., list[str]]


@pytest.fixture
def index(database: Database) -> Index:
    """Three patients: a plain one, one with accents and three component groups, one with awkward characters."""
    index = Index(database)
    batch = [
        publication("2.25.1", study="2.25.10", series="2.25.100"),
        publication("2.25.2", study="2.25.10", series="2.25.100", InstanceNumber="2"),
        publication("2.25.3", study="2.25.10", series="2.25.101", Modality="SR", sop_class=SR, released=False),
        publication(
            "2.25.4",
            study="2.25.20",
            series="2.25.200",
            PatientID="J 77",
            PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう",
            StudyDate="20210301",
            StudyTime="0930",
            AccessionNumber=" X%1_2 ",
            StudyDescription="Tête d'essai",
            ImageType="ORIGINAL\\PRIMARY\\AXIAL",
            RequestAttributesSequence__ScheduledProcedureStepID="SPS7",
        ),
        publication(
            "2.25.5",
            study="2.25.30",
            series="2.25.300",
            PatientID="M-3",
            PatientName="Müller^Anna Bärbel^^Dr",
            StudyDate="",
            Modality="MR",
            StudyDescription="",
            collection=2,
            released=False,
        ),
    ]
    with database.atomic():
        index.write(batch, {})
    return index


@pytest.fixture
def found(index: Index) -> Search:
    """Unique keys of the rows that a query finds."""

    def search(
        keyword: str, condition: Condition, level: Level = Level.STUDY, *, scope: Scope = ALL, fuzzy: bool = False
    ) -> list[str]:
        query = Query(level, (Match(keyword, condition),), fuzzy=fuzzy)
        key = ["PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"][level.depth]
        rows = index.search(query, scope)
        keys = [str(row[key]) for row in rows]
        assert rows.total() == len(keys)
        return keys

    return search


@pytest.mark.parametrize(
    ("keyword", "condition", "studies"),
    [
        ("StudyInstanceUID", Exact(("2.25.10",)), ["2.25.10"]),
        ("StudyInstanceUID", Exact(("2.25.10", "2.25.20", "2.25.99")), ["2.25.10", "2.25.20"]),
        ("StudyInstanceUID", Wildcard("*"), ["2.25.10", "2.25.20", "2.25.30"]),
        ("PatientName", Wildcard("=山田*"), ["2.25.20"]),
        ("PatientName", Wildcard("yamada*=山田*"), ["2.25.20"]),
        ("PatientName", Wildcard("M*="), ["2.25.30"]),
        ("PatientName", Wildcard("=鈴木*"), []),
        ("PatientID", Exact(("trial-0001",)), ["2.25.10"]),
        ("PatientID", Wildcard("TRIAL*"), ["2.25.10"]),
        ("PatientID", Wildcard("*0001"), ["2.25.10"]),
        ("PatientID", Wildcard("*-?"), ["2.25.30"]),
        ("PatientID", Wildcard("**"), ["2.25.10", "2.25.20", "2.25.30"]),
        ("PatientName", Exact(("muller^anna barbel^^dr",)), ["2.25.30"]),
        ("PatientName", Exact(("MÜLLER^Anna Bärbel^^Dr^",)), ["2.25.30"]),
        ("PatientName", Exact(("Müller",)), []),
        ("PatientName", Wildcard("mul*"), ["2.25.30"]),
        ("PatientName", Wildcard("*barb*"), ["2.25.30"]),
        ("PatientName", Wildcard("*an*"), ["2.25.30"]),
        ("PatientName", Wildcard("m?ller*"), ["2.25.30"]),
        ("PatientName", Exact(("山田^太郎",)), ["2.25.20"]),
        ("PatientName", Wildcard("山*"), ["2.25.20"]),
        ("PatientName", Wildcard("*たろ*"), ["2.25.20"]),
        ("PatientName", Exact(("yamada^tarou=山田^太郎",)), ["2.25.20"]),
        ("PatientName", Exact(("yamada^tarou=山田^花子",)), []),
        ("PatientName", Exact(("山田^太郎=yamada^tarou",)), []),
        ("PatientName", Exact(("=山田^太郎",)), ["2.25.20"]),
        ("PatientName", Exact(("=yamada^tarou",)), []),
        ("PatientName", Exact(("=やまだ^たろう",)), []),
        ("PatientName", Wildcard("=や*"), []),
        ("PatientName", Wildcard("=山*="), ["2.25.20"]),
        ("PatientName", Exact(("==やまだ^たろう",)), ["2.25.20"]),
        ("AccessionNumber", Exact(("X%1_2",)), ["2.25.20"]),
        ("AccessionNumber", Wildcard("X%*"), ["2.25.20"]),
        ("AccessionNumber", Wildcard("%*"), []),
        ("AccessionNumber", Wildcard("*_2"), ["2.25.20"]),
        ("AccessionNumber", Wildcard("[A]*"), []),
        ("StudyDescription", Exact(("tete d'essai",)), ["2.25.20"]),
        ("StudyDescription", Wildcard("*ESSAI*"), ["2.25.20"]),
        ("StudyDescription", Exact(("'; DROP TABLE study; --",)), []),
        ("StudyDescription", Empty(), ["2.25.30"]),
        ("StudyDate", Exact(("20200115",)), ["2.25.10"]),
        ("StudyDate", Exact(("2020.01.15",)), ["2.25.10"]),
        ("StudyDate", Range("20200101", "20201231"), ["2.25.10"]),
        ("StudyDate", Range("20200116", None), ["2.25.20"]),
        ("StudyDate", Range(None, "20200115"), ["2.25.10", "2.25.30"]),
        ("StudyDate", Empty(), ["2.25.30"]),
        ("StudyTime", Range("0930", "0930"), ["2.25.20"]),
        ("StudyTime", Range("10", "1015"), ["2.25.10", "2.25.30"]),
        ("StudyTime", Exact(("093000",)), ["2.25.20"]),
        ("ModalitiesInStudy", Exact(("SR",)), ["2.25.10"]),
        ("ModalitiesInStudy", Exact(("MR", "SR")), ["2.25.10", "2.25.30"]),
        ("ModalitiesInStudy", Wildcard("*"), ["2.25.10", "2.25.20", "2.25.30"]),
        ("SOPClassesInStudy", Exact((SR,)), ["2.25.10"]),
        ("Modality", Exact(("MR",)), ["2.25.30"]),
        ("SeriesInstanceUID", Exact(("2.25.200",)), ["2.25.20"]),
        ("SOPInstanceUID", Exact(("2.25.3",)), ["2.25.10"]),
        ("ImageType", Exact(("PRIMARY",)), ["2.25.20"]),
        ("ImageType", Exact(("PRIM",)), []),
        ("ImageType", Wildcard("AX*"), ["2.25.20"]),
        ("InstanceNumber", Exact(("02",)), ["2.25.10"]),
        ("RequestAttributesSequence.ScheduledProcedureStepID", Exact(("SPS7",)), ["2.25.20"]),
    ],
)
def test_matches_studies_as_the_standard_says(found: Search, keyword, condition, studies):
    expected = studies if keyword != "StudyDate" or condition != Range(None, "20200115") else ["2.25.10"]
    assert found(keyword, condition) == expected


@pytest.mark.parametrize(
    ("value", "studies"),
    [
        ("anna", ["2.25.30"]),
        ("bar mull", ["2.25.30"]),
        ("dr", ["2.25.30"]),
        ("ta ya", ["2.25.20"]),
        ("太", ["2.25.20"]),
        ("nna", []),
        ("trial", ["2.25.10"]),
        ("0001", ["2.25.10"]),
    ],
)
def test_fuzzy_matches_prefix_of_any_word(found: Search, value, studies):
    assert found("PatientName", Exact((value,)), fuzzy=True) == studies


@pytest.mark.parametrize(
    ("days", "times", "studies"),
    [
        (Range("20200115", "20210301"), Range("1015", "0930"), ["2.25.10", "2.25.20"]),
        (Range("20200115", "20210301"), Range("1016", "0929"), []),
        (Range("20200115", "20210301"), Range("1016", None), ["2.25.20"]),
        (Range(None, "20210301"), Range(None, "0900"), ["2.25.10"]),
        (Range("20200115", None), Range("101500.000001", "0000"), ["2.25.20"]),
        (Range("20200115", "20210301"), Exact(("0930",)), ["2.25.20"]),
    ],
)
def test_combined_date_and_time_are_one_moment(index: Index, days, times, studies):
    query = Query(Level.STUDY, (Match("StudyTime", times), Match("StudyDate", days)), combined=True)
    assert [row["StudyInstanceUID"] for row in index.search(query, ALL)] == studies


@pytest.mark.parametrize(
    ("level", "keyword", "condition", "keys"),
    [
        (Level.PATIENT, "Modality", Exact(("SR",)), ["TRIAL-0001"]),
        (Level.PATIENT, "StudyDate", Range("2021", None), None),
        (Level.PATIENT, "StudyDate", Range("20210101", None), ["J 77"]),
        (Level.SERIES, "StudyInstanceUID", Exact(("2.25.10",)), ["2.25.100", "2.25.101"]),
        (Level.SERIES, "PatientName", Wildcard("yama*"), ["2.25.200"]),
        (Level.SERIES, "ModalitiesInStudy", Exact(("SR",)), ["2.25.100", "2.25.101"]),
        (Level.INSTANCE, "SeriesInstanceUID", Exact(("2.25.100",)), ["2.25.1", "2.25.2"]),
        (Level.INSTANCE, "StudyDate", Exact(("20210301",)), ["2.25.4"]),
        (Level.INSTANCE, "Modality", Exact(("SR",)), ["2.25.3"]),
        (Level.INSTANCE, "Rows", Exact(("512",)), ["2.25.1", "2.25.2", "2.25.3", "2.25.4", "2.25.5"]),
        (Level.INSTANCE, "Rows", Exact(("x",)), None),
        (Level.STUDY, "StudyInstanceUID", Wildcard("2.25*"), None),
        (Level.STUDY, "PatientID", Range("a", "b"), None),
        (Level.STUDY, "NoSuchKey", Exact(("a",)), None),
        (Level.STUDY, "StudyTime", Exact(("noon",)), None),
        (Level.STUDY, "NumberOfStudyRelatedInstances", Exact(("1",)), None),
    ],
)
def test_keys_of_any_level_match(found: Search, level, keyword, condition, keys):
    if keys is None:
        with pytest.raises(BadQuery):
            found(keyword, condition, level)
    else:
        assert found(keyword, condition, level) == keys


def test_returned_counters_are_what_scope_sees(index: Index):
    names = frozenset(
        "NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances ModalitiesInStudy SOPClassesInStudy".split()
    )
    query = Query(Level.STUDY, (Match("StudyInstanceUID", Exact(("2.25.10",))),), names)
    every, public = (next(iter(index.search(query, scope))) for scope in (ALL, PUBLIC))
    assert [every["NumberOfStudyRelatedSeries"], every["NumberOfStudyRelatedInstances"]] == [2, 3]
    assert every["ModalitiesInStudy"] == "CT\\SR"
    assert [public["NumberOfStudyRelatedSeries"], public["NumberOfStudyRelatedInstances"]] == [1, 2]
    assert public["ModalitiesInStudy"] == "CT"
    assert SR not in str(public["SOPClassesInStudy"])


@pytest.mark.parametrize("level", list(Level))
def test_mixed_scope_sees_exactly_its_rows(index: Index, level):
    mixed = Scope(everything=frozenset({2}), released=frozenset({1}))
    rows = list(index.search(Query(level), mixed))
    hidden = {"2.25.101", "2.25.3"}
    assert len(rows) == {Level.PATIENT: 3, Level.STUDY: 3, Level.SERIES: 3, Level.INSTANCE: 4}[level]
    assert not hidden & {str(value) for row in rows for value in row.values()}


def test_unreleased_series_do_not_match(found: Search):
    assert found("ModalitiesInStudy", Exact(("SR",)), scope=PUBLIC) == []
    assert found("SOPInstanceUID", Exact(("2.25.3",)), scope=PUBLIC) == []
    assert found("Modality", Exact(("SR",)), Level.PATIENT, scope=PUBLIC) == []
    assert found("ModalitiesInStudy", Exact(("CT",)), scope=PUBLIC) == ["2.25.10", "2.25.20"]


@pytest.mark.parametrize(
    ("asked", "fits"),
    [("yam=山", True), ("=山", True), ("==たろ", True), ("=yam", False), ("山=yam", False), ("tar yam==や", True)],
)
def test_fuzzy_words_of_groups_stay_in_their_group(found: Search, asked, fits):
    assert found("PatientName", Exact((asked,)), fuzzy=True) == (["2.25.20"] if fits else [])


def test_empty_scope_finds_nothing(index: Index):
    assert [list(index.search(Query(level), Scope())) for level in Level] == [[], [], [], []]


def test_limit_and_offset_page_through_all(index: Index):
    pages = [list(index.search(Query(Level.INSTANCE, limit=2, offset=start), ALL)) for start in (0, 2, 4, 6)]
    uids = [row["SOPInstanceUID"] for page in pages for row in page]
    assert uids == ["2.25.1", "2.25.2", "2.25.3", "2.25.4", "2.25.5"]
    assert index.search(Query(Level.INSTANCE, limit=2, offset=2), ALL).total() == 5
    assert len(list(index.search(Query(Level.INSTANCE, offset=3), ALL))) == 2


@pytest.mark.parametrize("scope", [ALL, PUBLIC, MIXED, MANY], ids=["all", "public", "mixed", "many"])
@pytest.mark.parametrize("match", [(), (Match("Modality", Exact(("CT",))),)], ids=["any", "modality"])
@pytest.mark.parametrize("level", Level)
def test_pages_stay_as_they_are_while_things_are_added(database: Database, level, match, scope):
    index = Index(database)

    def add(numbers: Iterable[int]) -> None:
        batch = []
        for number in numbers:
            patient, study, series = f"P{number // 6}", f"2.25.{number // 4}1", f"2.25.{number // 2}2"
            one = publication(
                f"2.25.{number}3", study=study, series=series, collection=2 - number % 2, PatientID=patient
            )
            batch.append(replace(one, released=number % 5 != 0))
        with database.atomic():
            index.write(batch, {})

    def page(start: int, limit: int | None = 2) -> list[dict[str, object]]:
        return [dict(row) for row in index.search(Query(level, match, limit=limit, offset=start), scope)]

    add([100, 107, 108, 115, 116, 123, 124, 131])
    whole = page(0, None)
    pages = []
    for number in range(0, len(whole), 2):
        pages += page(number)
        add([1000 + 20 * number, 1001 + 20 * number])
    assert pages[: len(whole)] == whole
    assert len(page(0, None)) > len(whole)


def test_upper_level_columns_come_along(index: Index):
    wanted = frozenset(("PatientName", "StudyDate", "Modality", "NumberOfPatientRelatedStudies"))
    row = next(iter(index.search(Query(Level.INSTANCE, returned=wanted), ALL)))
    assert row == {
        "PatientID": "TRIAL-0001",
        "StudyInstanceUID": "2.25.10",
        "SeriesInstanceUID": "2.25.100",
        "SOPInstanceUID": "2.25.1",
        "PatientName": "TRIAL-0001",
        "StudyDate": "20200115",
        "Modality": "CT",
        "NumberOfPatientRelatedStudies": 1,
    }


def test_other_attributes_come_from_stored_json(index: Index, database: Database):
    name = {"00081030": {"vr": "LO", "Value": ["x"]}, "00081070": {"vr": "PN", "Value": [{"Alphabetic": "Op^A"}]}}
    with database.atomic():
        index.write([publication("2.25.9", study="2.25.90", series="2.25.900", metadata=name)], {})
    query = Query(
        Level.INSTANCE, (Match("SOPInstanceUID", Exact(("2.25.9",))),), frozenset(("OperatorsName", "SliceThickness"))
    )
    row = next(iter(index.search(query, ALL)))
    assert row["00081070"] == {"vr": "PN", "Value": [{"Alphabetic": "Op^A"}]}
    assert row["00180050"] == {"vr": "DS"}


@pytest.mark.parametrize("level", list(Level))
def test_rows_stream_in_small_pieces(index: Index, database: Database, level):
    rows = iter(index.search(Query(level), ALL))
    next(rows)
    with database.atomic():  # writing while a search is being read disturbs neither
        index.write([publication("2.25.77", study="2.25.770", series="2.25.771")], {})
    assert len(list(rows)) >= 2
