"""Date times with zones, in columns and in data sets, and names whose groups have patterns."""

import pytest
from peewee import Database

from pacs.errors import BadQuery
from pacs.index import Index
from pacs.index.attributes import ATTRIBUTES
from pacs.index.moments import within
from pacs.model import Level, Scope
from pacs.query import Condition, Exact, Match, Query, Range, Wildcard
from tests.index.build import publication

KEY = "AcquisitionDateTime"
MOMENTS = {
    "zone": "20200101120002.5+0200",
    "west": "20200101040002.50-0600",
    "plain": "20200101120002.5",
    "day": "20200102",
    "none": "",
}


@pytest.fixture
def index(database: Database) -> Index:
    """An object for each moment, which stands in a column and, under another name, in the data set alone."""
    index = Index(database)
    batch = [
        publication(
            name,
            series="2.25.100",
            metadata={
                "00080018": {"vr": "UI", "Value": [name]},
                "0008002A": {"vr": "DT", "Value": [value]} if value else {"vr": "DT"},
                "00189074": {"vr": "DT", "Value": [value]} if value else {"vr": "DT"},
                "00081070": {"vr": "PN", "Value": [{"Alphabetic": "Sato^Hanako", "Ideographic": "佐藤^花子"}]},
            },
            AcquisitionDateTime=value,
        )
        for name, value in MOMENTS.items()
    ]
    with database.atomic():
        index.write(batch, {})
    return index


def found(index: Index, keyword: str, condition: Condition) -> str:
    rows = index.search(Query(Level.INSTANCE, (Match(keyword, condition),)), Scope(everything=frozenset({1})))
    names = {str(row["SOPInstanceUID"]) for row in rows}
    assert rows.total() == len(names)
    return " ".join(name for name in MOMENTS if name in names)


@pytest.mark.parametrize("keyword", [KEY, "FrameAcquisitionDateTime"])
@pytest.mark.parametrize(
    ("condition", "names"),
    [
        (Exact(("20200101120002.5",)), "zone plain"),
        (Exact(("20200101120002.500",)), "zone plain"),
        (Exact(("20200101120002.5+0200",)), "zone west plain"),
        (Exact(("20200101100002.5+0000",)), "zone west"),
        (Range("20200101100001+0000", "20200101100003+0000"), "zone west"),
        (Range("20200101120002.5+0200", None), "zone west plain day"),
        (Range(None, "20200101120002.4+0200"), ""),
        (Range("20200101", "20200101"), "zone west plain"),
        (Range("202001010400", "202001010401"), "west"),
        (Range("202001", "202001"), "zone west plain day"),
        (Range("2020", "202002+0000"), "zone west plain day"),
    ],
)
def test_moments_are_found(index: Index, keyword: str, condition: Condition, names: str):
    assert found(index, keyword, condition) == names


@pytest.mark.parametrize("value", ["20201", "yesterday", "20200101+2", "2020-01-01"])
def test_what_is_no_moment_is_refused(value: str):
    with pytest.raises(BadQuery):
        within(ATTRIBUTES[KEY], value, None)


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("=佐藤*", 5),
        ("佐藤*", 5),
        ("sato*=佐藤*", 5),
        ("Sato*=", 5),
        ("佐藤*=sato*", 0),
        ("=鈴木*", 0),
        ("Suzuki*=佐藤*", 0),
    ],
)
def test_groups_of_a_name_have_patterns_of_their_own(index: Index, pattern: str, count: int):
    assert len(found(index, "OperatorsName", Wildcard(pattern)).split()) == count
