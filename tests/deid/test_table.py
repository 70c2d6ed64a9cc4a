"""Every row of PS3.15 Table E.1-1 under the basic profile, at top level and nested, in every encoding."""

import pytest

from pacs.deid.actions import resolve, type_of
from pacs.deid.keys import CollectionKeys
from pacs.deid.profiles import table_e1
from pacs.dicom.dictionary import vr_of
from pacs.dicom.elements import DataSet, parse
from pacs.dicom.syntaxes import is_standard_uid
from tests.deid.engine_runs import KEYS, run
from tests.dicom.raw_objects import CT_IMAGE, ENCODINGS, EXPLICIT, ct, encoded, items, raw, tags_of

SECRET_UID = "1.2.826.0.1.3680043.8.498.31337"
VALUES: dict[str, str | bytes] = {
    "AS": "061Y",
    "DA": "19871123",
    "DT": "19871123101112.5",
    "TM": "101112",
    "UI": SECRET_UID,
}
VALUES |= {"DS": "31337", "IS": "31337", "US": b"\x69\x7a", "OB": b"Zebulonsecret!"}
SEQUENCE = 0x00082218
CONCRETE = {"50XXXXXX": ("50000010", "50023000"), "60XX3000": ("60003000", "60023000"), "60XX4000": ("60004000",)}
CONCRETE |= {"PRIVATE": ("00090010", "00091001", "7FE11010")}
ROWS = [
    pytest.param(int(tag, 16), basic, id=f"{tag}-{basic.replace('/', '')}")
    for pattern, _name, _retired, _in_iod, basic, _options in table_e1()["rows"]
    for tag in CONCRETE.get(pattern, (pattern,))
]


def planted(tag: int) -> DataSet:
    """An element of the row's tag with a telling value."""
    vr = vr_of(tag)
    if vr == "SQ":
        return raw((tag, "SQ", [raw((0x00080104, "LO", "Zebulonsecret"), (0x00081155, "UI", SECRET_UID))]))
    return raw((tag, vr, VALUES.get(vr, "Zebulonsecret")))


def expected(tag: int, code: str, path: str) -> str:
    """What the row's code means here; compound codes by attribute type."""
    if code == "X/Z/U*":
        return "keep"
    return resolve(code, type_of(CT_IMAGE, path)).value if "/" in code else code


@pytest.mark.parametrize(("tag", "code"), ROWS)
@pytest.mark.parametrize("name", ENCODINGS)
def test_row_is_applied_at_every_depth(tag, code, name):
    source = planted(tag)
    item = raw((SEQUENCE, "SQ", [planted(tag)]))
    whole = ct(*[(tag, e.vr, e.items or e.value) for e in source.values()], (SEQUENCE, "SQ", [item]))
    encoding = ENCODINGS[name]
    result = run(parse(encoded(whole, encoding, EXPLICIT), encoding))
    content = encoded(result.data_set, encoding)
    assert b"Zebulonsecret" not in content
    assert SECRET_UID.encode() not in content
    assert b"19871123" not in content
    check_element(result.data_set, tag, expected(tag, code, f"{tag:08X}"))
    nested = items(items(result.data_set, SEQUENCE)[0], SEQUENCE)[0]
    check_element(nested, tag, expected(tag, code, f"{SEQUENCE:08X}.{SEQUENCE:08X}.{tag:08X}"))


def check_element(data_set: DataSet, tag: int, action: str) -> None:
    if action == "X":
        assert tag not in data_set
        return
    element = data_set[tag]
    assert element.vr == (vr_of(tag) if vr_of(tag) != "UN" else element.vr)
    if tag in (0x00100010, 0x00100020):
        assert bytes(element.value).startswith(b"INBOX-")
    elif action == "Z":
        assert not element.value
        assert not element.items
    elif action in ("D", "keep"):
        assert element.value or element.items
    elif action == "U":
        assert bytes(element.value).strip(b"\0").decode() == KEYS.map_uid(SECRET_UID)


def test_every_row_is_in_the_data_file():
    assert len(table_e1()["rows"]) == 657


def test_unlisted_element_is_kept_bit_for_bit():
    result = run(ct((0x00180050, "DS", "5.000000 "), (0x00080060, "CS", "CT")))
    assert bytes(result.data_set[0x00180050].value) == b"5.000000 "[:10].ljust(10)


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.4.1.1", "1.2.840.10008.5.1.4.1.1.2"])
def test_registered_uids_stay(uid):
    assert is_standard_uid(uid)
    result = run(ct((0x00200052, "UI", uid)))
    assert bytes(result.data_set[0x00200052].value).strip(b"\0").decode() == uid


def test_private_elements_go_at_every_depth():
    item = raw((0x00091001, "LO", "x"), (0x00090010, "LO", "MAKER"), (0x00080100, "SH", "1"))
    result = run(ct((0x00091002, "SQ", [item]), (0x00082218, "SQ", [item])))
    assert not [tag for tag in tags_of(result.data_set) if tag & 0x10000]


def test_keys_of_another_collection_differ():
    other = CollectionKeys.derive(b"k" * 32, "other")
    assert other.map_uid(SECRET_UID) != KEYS.map_uid(SECRET_UID)
