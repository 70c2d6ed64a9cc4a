"""Every kind of query runs on an index, whatever the size: the plans on both databases, and the time at a million."""

import json
import re
from collections.abc import Iterator

import pytest
from peewee import Database

import pacs.db
from pacs.db import close_thread
from pacs.db.connection import execute, is_sqlite
from pacs.index import Index
from pacs.index.sql import Dialect
from pacs.index.statement import statement_for
from pacs.model import InstanceKey, Level, Scope
from pacs.query import Exact, Match, Query, Range, Wildcard
from tests.index.large import fill

ADMIN = Scope(everything=frozenset({1, 2, 3, 4, 5}))
PUBLIC = Scope(released=frozenset({1, 2}))
MIXED = Scope(everything=frozenset({3}), released=frozenset({1, 2}))
NOBODY_MUCH = Scope(released=frozenset({5}))

SHAPES: dict[str, Query] = {
    "study by uid": Query(Level.STUDY, (Match("StudyInstanceUID", Exact(("2.25.17",))),)),
    "studies by uid list": Query(Level.STUDY, (Match("StudyInstanceUID", Exact(("2.25.17", "2.25.18"))),)),
    "patient id exact": Query(Level.STUDY, (Match("PatientID", Exact(("TRIAL-7",))),)),
    "patient id prefix": Query(Level.STUDY, (Match("PatientID", Wildcard("TRIAL-17*")),)),
    "patient id infix": Query(Level.STUDY, (Match("PatientID", Wildcard("*al-17*")),)),
    "patient name prefix": Query(Level.STUDY, (Match("PatientName", Wildcard("person17*")),)),
    "patient name infix": Query(Level.STUDY, (Match("PatientName", Wildcard("*rson17^*")),)),
    "patient name fuzzy": Query(Level.STUDY, (Match("PatientName", Exact(("person17",))),), fuzzy=True),
    "patient by name": Query(Level.PATIENT, (Match("PatientName", Exact(("person17^given",))),)),
    "date range": Query(Level.STUDY, (Match("StudyDate", Range("20050101", "20050131")),)),
    "accession": Query(Level.STUDY, (Match("AccessionNumber", Exact(("ACC17",))),)),
    "accession infix": Query(Level.STUDY, (Match("AccessionNumber", Wildcard("*C17*")),)),
    "description infix": Query(Level.STUDY, (Match("StudyDescription", Wildcard("*number 17*")),)),
    "rare modality": Query(Level.STUDY, (Match("ModalitiesInStudy", Exact(("SR",))),)),
    "series uid at study": Query(Level.STUDY, (Match("SeriesInstanceUID", Exact(("2.25.27",))),)),
    "sop uid at study": Query(Level.STUDY, (Match("SOPInstanceUID", Exact(("2.25.37",))),)),
    "series of study": Query(Level.SERIES, (Match("StudyInstanceUID", Exact(("2.25.17",))),)),
    "series description infix": Query(Level.SERIES, (Match("SeriesDescription", Wildcard("*ies 17*")),)),
    "instances of series": Query(
        Level.INSTANCE,
        (Match("StudyInstanceUID", Exact(("2.25.13",))), Match("SeriesInstanceUID", Exact(("2.25.27",)))),
    ),
    "instances of study": Query(Level.INSTANCE, (Match("StudyInstanceUID", Exact(("2.25.17",))),)),
    "instance by uid": Query(Level.INSTANCE, (Match("SOPInstanceUID", Exact(("2.25.37",))),)),
    "instance by all uids": Query(
        Level.INSTANCE,
        (
            Match("StudyInstanceUID", Exact(("2.25.13",))),
            Match("SeriesInstanceUID", Exact(("2.25.27",))),
            Match("SOPInstanceUID", Exact(("2.25.3370",))),
        ),
    ),
    "study by uid and name": Query(
        Level.STUDY,
        (Match("StudyInstanceUID", Exact(("2.25.17",))), Match("PatientName", Wildcard("p*"))),
    ),
}
WANTED = frozenset(("PatientName", "StudyDate", "Modality", "NumberOfStudyRelatedInstances", "ModalitiesInStudy"))


def _explain(database: Database, query: Query, scope: Scope) -> str:
    statement = statement_for(
        Query(query.level, query.matches, WANTED, fuzzy=query.fuzzy, limit=101), scope, Dialect(database)
    )
    if is_sqlite(database):
        rows = execute(database, f"EXPLAIN QUERY PLAN {statement.text}", statement.values)
        return "\n".join(row[3] for row in rows)
    rows = execute(database, f"EXPLAIN (FORMAT JSON) {statement.text}", statement.values).fetchone()[0]
    return json.dumps(rows, indent=1)


def _scans(database: Database, plan: str) -> list[str]:
    """Tables that the plan reads from end to end."""
    if is_sqlite(database):
        # A virtual table is its own index; the rows of a materialised subquery are few.
        lines = [line for line in plan.splitlines() if line.startswith("SCAN") and "VIRTUAL TABLE INDEX" not in line]
        return [line for line in lines if "USING" not in line or "INDEX" not in line or _whole_index(line)]
    return re.findall(r'"Node Type": "Seq Scan",.*?"Relation Name": "(\w+)"', plan, re.S)


def _whole_index(line: str) -> bool:
    """Reading a whole index is as bad, unless it is the partial one of names with several groups."""
    return "_groups" not in line


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def large(request, tmp_path_factory) -> Iterator[Database]:
    """20,000 instances."""
    yield from _filled(request, tmp_path_factory, 20_000)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def million(request, tmp_path_factory) -> Iterator[Database]:
    """1,000,000 instances."""
    yield from _filled(request, tmp_path_factory, 1_000_000)


def _filled(request, tmp_path_factory, instances: int) -> Iterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('large') / 'index.sqlite'}"
    else:
        pattern = request.getfixturevalue("postgresql")
        server = pacs.db.open_database(pattern.format(name="postgres"))
        execute(server, f"CREATE DATABASE large_{instances}")
        close_thread(server)
        url = pattern.format(name=f"large_{instances}")
    database = pacs.db.connect(url)
    fill(database, instances)
    yield database
    close_thread(database)


@pytest.mark.parametrize("scope", [ADMIN, PUBLIC, MIXED, NOBODY_MUCH], ids=["admin", "public", "mixed", "little"])
@pytest.mark.parametrize("name", SHAPES)
def test_plan_uses_indexes(large: Database, name, scope):
    if not is_sqlite(large):  # tables of this size are rightly scanned: ask whether there is an index to use
        execute(large, "SET enable_seqscan = off")
    plan = _explain(large, SHAPES[name], scope)
    assert _scans(large, plan) == [], plan


@pytest.mark.parametrize("name", SHAPES)
def test_large_index_finds_the_same(large: Database, name):
    found = list(Index(large).search(SHAPES[name], ADMIN))
    assert found
    assert Index(large).search(SHAPES[name], ADMIN).total() == len(found)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_million_instances_are_found_by_indexes(million: Database):
    """Every shape in each scope reads indexes only; a page of each level comes whole."""
    index = Index(million)
    if not is_sqlite(million):
        execute(million, "SET enable_seqscan = off")
    for name, shape in SHAPES.items():
        for scope in (ADMIN, PUBLIC, MIXED, NOBODY_MUCH):
            plan = _explain(million, shape, scope)
            assert _scans(million, plan) == [], (name, plan)
            list(index.search(Query(shape.level, shape.matches, WANTED, fuzzy=shape.fuzzy, limit=101), scope))
    for level in Level:
        assert len(list(index.search(Query(level, limit=101), ADMIN))) == 101
    assert len(index.open(InstanceKey("2.25.13", "2.25.27"), ADMIN)) == 50
