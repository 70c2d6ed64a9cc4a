"""Attributes that are no columns, matched and returned from stored DICOM JSON, on both databases."""

from collections.abc import Callable
from typing import Any

import pytest
from peewee import Database

from pacs.errors import BadQuery
from pacs.index import Index
from pacs.index.stored import canonical, picked, tree_of
from pacs.model import Level, Scope
from pacs.query import AnyOf, Condition, Empty, Exact, Match, Query, Range, Wildcard
from tests.index.build import publication

ALL = Scope(everything=frozenset({1}))
PUBLIC = Scope(released=frozenset({1}))
Search = Callable[..., list[str]]


def entry(vr: str, *values: object) -> dict[str, object]:
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def code(value: str, scheme: str) -> dict[str, object]:
    return {"00080100": entry("SH", value), "00080102": entry("SH", scheme)}


def slice_of(number: int, kvp: object, operator: str = "Op^A", **more: object) -> dict[str, object]:
    return {
        "00080018": entry("UI", f"2.25.{number}"),
        "00080080": entry("LO", "Clinic"),
        "0008103F": entry("SQ", code("T1", "X"), code("T2", "Y")),
        "00081070": entry("PN", {"Alphabetic": operator, "Ideographic": "山田^太郎"}),
        "00101010": entry("AS", "066Y"),
        "00101080": entry("LO", "Rank"),
        "001021B0": entry("LT", "Cough\\still one value"),
        "00180060": entry("DS", kvp) if kvp is not None else entry("DS"),
        "0018A002": entry("DT", "20200115101500.5"),
        "00180072": entry("DS", 1.5),
    } | more


@pytest.fixture
def index(database: Database) -> Index:
    """Two studies; the first has a hidden series, and slices that differ."""
    index = Index(database)
    one: dict[str, Any] = {"study": "2.25.10", "series": "2.25.100"}
    hidden: dict[str, Any] = {"study": "2.25.10", "series": "2.25.101", "released": False}
    two: dict[str, Any] = {"study": "2.25.20", "series": "2.25.200", "PatientID": "P2"}
    with database.atomic():
        index.write(
            [
                publication("2.25.1", metadata=slice_of(1, 100), size=1000, **one),
                publication("2.25.2", metadata=slice_of(2, 120), size=2000, **one),
                publication("2.25.3", metadata=slice_of(3, 140, "Secret^B"), **hidden),
                publication("2.25.4", metadata=slice_of(4, None, "Ópera^C", **{"00091001": entry("UN")}), **two),
            ],
            {},
        )
    return index


@pytest.fixture
def found(index: Index) -> Search:
    """Unique keys of the rows that fit one key."""

    def search(
        keyword: str, condition: Condition, level: Level = Level.INSTANCE, *, scope: Scope = ALL, fuzzy: bool = False
    ) -> list[str]:
        rows = index.search(Query(level, (Match(keyword, condition),), fuzzy=fuzzy), scope)
        key = ["PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"][level.depth]
        keys = [str(row[key]).removeprefix("2.25.") for row in rows]
        assert rows.total() == rows.quick_total() == len(keys)
        return keys

    return search


CODE = "SeriesDescriptionCodeSequence.CodeValue"


@pytest.mark.parametrize(
    ("keyword", "condition", "instances"),
    [
        ("KVP", Exact(("120",)), "2"),
        ("KVP", Exact(("120.0", "100")), "1 2"),
        ("KVP", Empty(), "4"),
        ("InstitutionName", Exact(("Clinic",)), "1 2 3 4"),
        ("InstitutionName", Exact(("clinic",)), ""),
        ("InstitutionName", Wildcard("Cl?n*"), "1 2 3 4"),
        ("InstitutionName", Wildcard("C%*"), ""),
        ("OperatorsName", Exact(("op^a",)), "1 2"),
        ("OperatorsName", Wildcard("OPE*"), "4"),
        ("OperatorsName", Wildcard("山*"), "1 2 3 4"),
        ("OperatorsName", Exact(("secret^b=山田^太郎",)), "3"),
        ("OperatorsName", Exact(("山田^太郎=secret^b",)), ""),
        ("OperatorsName", Exact(("=secret^b",)), ""),
        ("AdditionalPatientHistory", Wildcard("*\\still*"), "1 2 3 4"),
        ("FrameReferenceDateTime", Empty(), "1 2 3 4"),
        ("0018A002", Range("2020", "20200115"), "1 2 3 4"),
        ("0018A002", Range("20200116", None), ""),
        ("0018A002", Range(None, "20200115101459"), ""),
        ("0018A002", Exact(("20200115101500.5",)), "1 2 3 4"),
        (CODE, Exact(("T2",)), "1 2 3 4"),
        (CODE, Exact(("T3",)), ""),
        (CODE, Empty(), ""),
        ("OtherPatientIDsSequence.PatientID", Empty(), "1 2 3 4"),
        ("KVP", AnyOf((Exact(("120",)), Empty())), "2 4"),
        ("00091001", Empty(), "1 2 3 4"),
    ],
)
def test_matches_instances_as_the_standard_says(found: Search, keyword, condition, instances):
    assert found(canonical(keyword) or "", condition) == instances.split()


def test_several_readers_of_a_study_are_names(index: Index):
    names = [{"Alphabetic": "Ahn^B"}, {"Ideographic": "洪^吉洞"}]
    readers: dict[str, object] = {"00081060": {"vr": "PN", "Value": names}}
    one = publication("2.25.9", study="2.25.90", NameOfPhysiciansReadingStudy="Ahn^B\\=洪^吉洞", metadata=readers)
    with index._database.atomic():
        index.write([one], {})
    for asked, fits in {
        "ahn^b": True,
        "洪*": True,
        "=洪*": True,
        "洪*=": True,
        "ahn*=洪*": False,
        "=ahn*": False,
    }.items():
        condition = Wildcard(asked) if "*" in asked else Exact((asked,))
        rows = list(index.search(Query(Level.STUDY, (Match("NameOfPhysiciansReadingStudy", condition),)), ALL))
        assert len(rows) == fits, asked


def test_lists_of_too_many_names_or_patterns_are_refused(found: Search):
    names = Exact(tuple(f"name{number}" for number in range(300)))
    patterns = AnyOf(tuple(Wildcard(f"n{number}*") for number in range(300)))
    for keyword, condition in (("OperatorsName", names), ("InstitutionName", patterns)):
        with pytest.raises(BadQuery):
            found(keyword, condition)


def test_fuzzy_names_need_no_accents(found: Search):
    assert found("OperatorsName", Exact(("c ope",)), fuzzy=True) == ["4"]
    assert found("OperatorsName", Exact(("pera",)), fuzzy=True) == []


@pytest.mark.parametrize(
    ("level", "keyword", "condition", "keys"),
    [
        (Level.SERIES, "InstitutionName", Exact(("Clinic",)), "100 101 200"),
        (Level.SERIES, "KVP", Exact(("120",)), "100"),
        (Level.STUDY, "KVP", Exact(("140",)), "10"),
        (Level.STUDY, "KVP", Exact(("80",)), ""),
        (Level.STUDY, "InstitutionName", Exact(("Clinic",)), "10 20"),
        (Level.STUDY, "OperatorsName", Exact(("secret^b",)), "10"),
        (Level.STUDY, "MilitaryRank", Exact(("Rank",)), "10 20"),
        (Level.PATIENT, "KVP", Empty(), "P2"),
        (Level.PATIENT, "AdditionalPatientHistory", Wildcard("Cough*"), "TRIAL-0001 P2"),
    ],
)
def test_any_level_matches_attributes_of_any_level(found: Search, level, keyword, condition, keys):
    assert found(keyword, condition, level) == keys.split()


def test_hidden_series_do_not_match(found: Search):
    assert found("KVP", Exact(("140",)), Level.STUDY, scope=PUBLIC) == []
    assert found("OperatorsName", Exact(("secret^b",)), Level.STUDY, scope=PUBLIC) == []
    assert found("KVP", Exact(("140",)), scope=PUBLIC) == []


def test_one_item_of_a_sequence_fits_all_keys_in_it(index: Index):
    sequence = "SeriesDescriptionCodeSequence"

    def rows(value: str, scheme: str) -> int:
        keys = ((f"{sequence}.CodeValue", value), (f"{sequence}.CodingSchemeDesignator", scheme))
        return index.search(Query(Level.SERIES, tuple(Match(key, Exact((each,))) for key, each in keys)), ALL).total()

    assert [rows("T1", "X"), rows("T2", "Y"), rows("T1", "Y")] == [3, 3, 0]


def test_one_object_below_fits_all_keys_of_its_level(index: Index):
    def rows(number: str, kvp: str) -> int:
        matches = (Match("SOPInstanceUID", Exact((number,))), Match("KVP", Exact((kvp,))))
        return index.search(Query(Level.STUDY, matches), ALL).total()

    assert [rows("2.25.1", "100"), rows("2.25.1", "120")] == [1, 0]


def test_pages_are_cut_after_matching(index: Index):
    match = (Match("InstitutionName", Exact(("Clinic",))),)
    pages = [list(index.search(Query(Level.INSTANCE, match, limit=2, offset=start), ALL)) for start in (0, 1, 3, 4)]
    assert [[str(row["SOPInstanceUID"])[-1] for row in page] for page in pages] == [["1", "2"], ["2", "3"], ["4"], []]


@pytest.mark.parametrize(
    ("level", "names", "tags"),
    [
        (Level.STUDY, "MilitaryRank KVP InstitutionName", "00101080"),
        (Level.SERIES, "MilitaryRank KVP InstitutionName", "00080080 00101080"),
        (Level.INSTANCE, "MilitaryRank KVP InstitutionName", "00080080 00101080 00180060"),
    ],
)
def test_rows_show_attributes_of_their_level_and_above(index: Index, level, names, tags):
    row = next(iter(index.search(Query(level, returned=frozenset(names.split())), ALL)))
    assert sorted(key for key in row if key.startswith("00")) == tags.split()


def test_everything_is_all_of_the_levels(index: Index):
    row = next(iter(index.search(Query(Level.SERIES, everything=frozenset({Level.SERIES})), ALL)))
    assert sorted(key for key in row if key.startswith("00")) == ["00080080", "0008103F", "00081070"]


def test_sequences_come_whole_or_by_what_was_named():
    data_set = {"00400275": entry("SQ", {"00400009": entry("SH", "a"), "00401001": entry("SH", "b")})}
    assert picked(data_set, tree_of(["RequestAttributesSequence"])) == data_set
    some = picked(data_set, tree_of(["RequestAttributesSequence.RequestedProcedureID"]))
    assert some == {"00400275": entry("SQ", {"00401001": entry("SH", "b")})}
    both = ["RequestAttributesSequence.RequestedProcedureID", "RequestAttributesSequence"]
    assert picked(data_set, tree_of(both)) == data_set
    assert picked({}, tree_of(["KVP", "00091001"])) == {"00180060": {"vr": "DS"}}


@pytest.mark.parametrize(
    ("keyword", "condition"),
    [
        ("KVP", Exact(("high",))),
        ("KVP", Wildcard("1*")),
        ("InstitutionName", Range("a", "b")),
        ("FrameReferenceDateTime", Exact(("yesterday",))),
        ("PixelData", Exact(("a",))),
        ("OtherPatientIDsSequence", Exact(("a",))),
    ],
)
def test_conditions_that_do_not_fit_are_refused(found: Search, keyword, condition):
    with pytest.raises(BadQuery):
        found(keyword, condition)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("patientname", "PatientName"),
        ("0018a002", "ContributionDateTime"),
        ("00020010", None),
        ("TransferSyntaxUID", None),
        ("00091001", "00091001"),
        ("0009AB01", "0009AB01"),
        ("60003000", "60003000"),
        ("RequestAttributesSequence.00400009", "RequestAttributesSequence.ScheduledProcedureStepID"),
        ("0008FFFF", None),
        ("00080000", None),
        ("", None),
        ("PatientName.", None),
        ("a.b", None),
    ],
)
def test_names_are_keywords_and_tags_in_any_case(name, known):
    assert canonical(name) == known


def test_search_that_takes_too_long_ends_with_a_sentence(index: Index):
    query = Query(Level.INSTANCE, (Match("KVP", Exact(("120",))),))
    rows = index.search(query, Scope(frozenset((1,)), frozenset((1,))))
    rows.end_after(1e-9)
    with pytest.raises(BadQuery, match="takes too long"):
        list(rows)
    rows.end_after(0)
    list(rows)
