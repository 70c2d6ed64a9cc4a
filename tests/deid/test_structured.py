"""Content items by Table E.3.4-1 row by row, and by value type; the tree stays valid."""

import json
from importlib.resources import files

import pytest

from pacs.deid.structured import VALUE_OF, has_positions, treatment
from pacs.dicom.elements import DataSet, Element
from tests.deid.text.evidence_of import data_set

ROWS = json.loads((files("pacs.deid") / "data" / "content_items.json").read_text(encoding="utf-8"))["rows"]
TCIA = frozenset(
    "clean_structured_content clean_descriptors clean_graphics retain_longitudinal_modified_dates"
    " retain_patient_characteristics retain_safe_private".split()
)
BASIC = frozenset(("clean_structured_content",))
TEXT, PNAME, UIDREF, DATE = VALUE_OF["TEXT"], VALUE_OF["PNAME"], VALUE_OF["UIDREF"], VALUE_OF["DATE"]
ASCII = ("guess",)


def item(kind, scheme="99LOCAL", code="X1", meaning="Something local", **more):
    """A content item with a concept name."""
    out = data_set((0x0040A040, "CS", kind))
    name = data_set((0x00080100, "SH", code), (0x00080102, "SH", scheme), (0x00080104, "LO", meaning))
    out[0x0040A043] = Element(0x0040A043, "SQ", b"", [name])
    for tag, element in more.get("elements", {}).items():
        out[tag] = element
    return out


def number(value, unit="a"):
    """A measured value."""
    units = data_set((0x00080100, "SH", unit), (0x00080102, "SH", "UCUM"))
    measured = data_set((0x0040A30A, "DS", value))
    measured[0x004008EA] = Element(0x004008EA, "SQ", b"", [units])
    return {0x0040A300: Element(0x0040A300, "SQ", b"", [measured])}


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}-{row[1]}-{row[3]}" for row in ROWS])
def test_every_row_under_its_options(row):
    scheme, code, meaning, kind, basic, options = row
    subject = item(kind, scheme, code, meaning)
    plain = treatment(subject, ASCII, BASIC)
    if kind in ("IMAGE", "COMPOSITE", "WAVEFORM"):
        assert not plain.remove
        return
    if kind == "UIDREF":
        assert plain.actions == {UIDREF: "map_uid"}
    elif meaning not in ("Subject Name", "Subject ID"):
        assert plain.remove == (basic == "X")
        assert set(plain.actions.values()) <= {"dummy", "empty"}
    assert plain.source == "PS3.15 Table E.3.4-1"
    for option, letter in options.items():
        retained = treatment(subject, ASCII, BASIC | {option})
        assert not retained.remove
        words = set(retained.actions.values())
        assert words <= ({"known"} if letter == "K" else {"text", "shift"}) | {"keep"}


@pytest.mark.parametrize(
    ("kind", "options", "actions"),
    [
        ("TEXT", TCIA, {TEXT: "text"}),
        ("TEXT", BASIC, {TEXT: "text"}),
        ("PNAME", TCIA, {PNAME: "dummy"}),
        ("UIDREF", TCIA, {UIDREF: "map_uid"}),
        ("UIDREF", TCIA | {"retain_uids"}, {UIDREF: "keep"}),
        ("DATE", TCIA, {DATE: "shift"}),
        ("DATE", BASIC, {DATE: "dummy"}),
        ("DATE", BASIC | {"retain_longitudinal_full_dates"}, {DATE: "keep"}),
        ("DATETIME", TCIA, {VALUE_OF["DATETIME"]: "shift"}),
        ("TIME", TCIA, {VALUE_OF["TIME"]: "keep"}),
        ("TIME", BASIC, {VALUE_OF["TIME"]: "dummy"}),
        ("CODE", TCIA, {}),
        ("NUM", TCIA, {}),
        ("SCOORD", TCIA, {}),
        ("IMAGE", TCIA, {}),
        ("COMPOSITE", TCIA, {}),
        ("WAVEFORM", TCIA, {}),
        ("CONTAINER", TCIA, {}),
    ],
)
def test_items_that_no_row_names(kind, options, actions):
    assert treatment(item(kind), ASCII, options) == (False, actions, f"content items of type {kind}", "PS3.15 E.3.4")


@pytest.mark.parametrize(
    ("code", "kind", "removed", "actions"),
    [
        ("121008", "PNAME", False, {PNAME: "dummy"}),
        ("121029", "PNAME", False, {PNAME: "pseudonym"}),
        ("121030", "TEXT", False, {TEXT: "pseudonym"}),
        ("121031", "DATE", True, {DATE: "dummy"}),
        ("121022", "TEXT", True, {TEXT: "dummy"}),
        ("121016", "TEXT", True, {TEXT: "dummy"}),
        ("121012", "UIDREF", False, {UIDREF: "map_uid"}),
        ("121071", "TEXT", False, {TEXT: "text"}),
        ("121077", "TEXT", False, {TEXT: "text"}),
        ("121032", "CODE", False, {}),
        ("121033", "NUM", False, {}),
        ("111060", "DATE", False, {DATE: "shift"}),
    ],
)
def test_observer_subject_and_findings_under_tcia(code, kind, removed, actions):
    meanings = {"121029": "Subject Name", "121030": "Subject ID"}
    found = treatment(item(kind, "DCM", code, meanings.get(code, "whatever")), ASCII, TCIA)
    assert (found.remove, dict(found.actions)) == (removed, actions)


def test_local_code_of_a_listed_meaning_counts():
    found = treatment(item("TEXT", "99HOSP", "ACC1", "Accession Number"), ASCII, TCIA)
    assert found.remove


def test_older_codes_count():
    row = next(row for row in ROWS if row[0] == "SRT")
    assert treatment(item(row[3], row[0], row[1]), ASCII, BASIC).source == "PS3.15 Table E.3.4-1"


def test_nothing_is_removed_where_positions_count():
    found = treatment(item("TEXT", "DCM", "121022"), ASCII, TCIA, may_remove=False)
    assert (found.remove, dict(found.actions)) == (False, {TEXT: "dummy"})


@pytest.mark.parametrize(
    ("value", "unit", "kept"),
    [
        ("92", "a", False),
        ("90", "a", False),
        ("89", "a", True),
        ("95", "mo", True),
        ("1100", "mo", False),
        ("x", "a", False),
    ],
)
def test_ages_over_89_go(value, unit, kept):
    found = treatment(item("NUM", "DCM", "121033", elements=number(value, unit)), ASCII, TCIA)
    assert found.actions == ({} if kept else {0x0040A300: "empty"})
    assert not found.remove


def test_other_numbers_stay():
    assert treatment(item("NUM", "SCT", "410668003", elements=number("92", "mm")), ASCII, TCIA).actions == {}


def test_item_without_type_is_treated_by_what_it_holds():
    annotation = data_set((0x00700006, "ST", "for SMITH"))
    assert treatment(annotation, ASCII, TCIA).actions[0x00700006] == "text"
    assert treatment(data_set((TEXT, "UT", "for SMITH")), ASCII, TCIA).actions == {TEXT: "text"}


def test_references_by_position_are_found_at_any_depth():
    def nested(inner):
        out = DataSet()
        out[0x0040A730] = Element(0x0040A730, "SQ", b"", [inner])
        return out

    assert has_positions(nested(nested(data_set((0x0040DB73, "UL", b"\1\0\0\0")))))
    assert not has_positions(nested(nested(item("TEXT"))))
