"""Parsing and writing raw elements: what goes in comes out, and what is cut or garbled is refused, nothing else."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.dicom.elements import MAX_DEPTH, DataSet, Element, parse, parse_items
from pacs.errors import NotDicom, Truncated
from tests.data_folder import shared_data
from tests.dicom.raw_objects import BIG, ENCODINGS, EXPLICIT, IMPLICIT, ct, encoded, items, raw, shared_objects

SAMPLE = ct(
    (0x00081140, "SQ", [raw((0x00081150, "UI", "1.2.840.10008.5.1.4.1.1.2"), (0x00081155, "UI", "1.2.3"))]),
    (0x00280010, "US", b"\2\0"),
    (0x00280030, "DS", "0.5\\0.5"),
    (0x7FE00010, "OW", b"\1\2\3\4"),
)


def nested(depth: int) -> DataSet:
    inner = raw((0x00081155, "UI", "1.2.3"))
    for _ in range(depth):
        inner = raw((0x00081140, "SQ", [inner]))
    return inner


@pytest.mark.parametrize("name", ENCODINGS)
def test_reads_back_what_it_wrote(name):
    content = encoded(SAMPLE, ENCODINGS[name], EXPLICIT)
    again = parse(content, ENCODINGS[name])
    assert encoded(again, EXPLICIT, ENCODINGS[name]) == encoded(SAMPLE, EXPLICIT)


def test_swaps_numbers_for_other_byte_order():
    content = encoded(SAMPLE, BIG, EXPLICIT)
    assert bytes(parse(content, BIG)[0x00280010].value) == b"\0\2"
    assert bytes(parse(content, BIG)[0x7FE00010].value) == b"\2\1\4\3"


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_cut_is_refused_or_ends_an_element(name):
    content = encoded(SAMPLE, ENCODINGS[name], EXPLICIT)
    whole = parse(content, ENCODINGS[name])
    for end in range(len(content)):
        try:
            part = parse(content[:end], ENCODINGS[name])
        except (Truncated, NotDicom):
            continue
        assert set(part) < set(whole)  # exactly at the end of an element (or in zeros that pad)


def test_cut_inside_value_is_truncated():
    with pytest.raises(Truncated):
        parse(encoded(SAMPLE)[:-1], EXPLICIT)


@given(st.binary(max_size=200), st.sampled_from(sorted(ENCODINGS)))
def test_noise_is_read_or_refused(content, name):
    with contextlib.suppress(Truncated, NotDicom):
        parse(content, ENCODINGS[name])


@given(st.data(), st.sampled_from(sorted(ENCODINGS)))
def test_damaged_objects_are_read_or_refused(data, name):
    content = bytearray(encoded(SAMPLE, ENCODINGS[name], EXPLICIT))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    said = ""
    try:
        encoded(parse(bytes(content), ENCODINGS[name]), ENCODINGS[name])
    except (Truncated, NotDicom) as error:
        said = str(error)
    assert "Quixotic" not in said
    assert "778812" not in said


@pytest.mark.parametrize("name", ENCODINGS)
def test_nests_300_levels_deep(name):
    content = encoded(nested(300), ENCODINGS[name])
    assert encoded(parse(content, ENCODINGS[name]), ENCODINGS[name]) == content


def test_refuses_endless_nesting():
    with pytest.raises(NotDicom, match="nested deeper"):
        parse(encoded(nested(MAX_DEPTH + 1)), EXPLICIT)


def test_undefined_lengths_become_defined():
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + encoded(raw((0x00081155, "UI", "1.2.3"))) + b"\xfe\xff\x0d\xe0\0\0\0\0"
    content = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff" + item + b"\xfe\xff\xdd\xe0\0\0\0\0"
    again = parse(content, EXPLICIT)
    assert encoded(again) == encoded(raw((0x00081140, "SQ", [raw((0x00081155, "UI", "1.2.3"))])))


def test_un_of_undefined_length_is_implicit_sequence():
    item = encoded(raw((0x00100020, "LO", "MRN-778812")), IMPLICIT)
    body = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(item)) + item + b"\xfe\xff\xdd\xe0\0\0\0\0"
    again = parse(b"\x09\0\x10\x10UN\0\0\xff\xff\xff\xff" + body, EXPLICIT)
    assert bytes(items(again, 0x00091010)[0][0x00100020].value) == b"MRN-778812"


def test_public_un_gets_its_vr():
    again = parse(encoded(raw((0x00100010, "UN", "Quixotic^Zebulon"))), EXPLICIT)
    assert again[0x00100010].vr == "PN"


def test_un_sequence_that_is_none_stays_un():
    again = parse(encoded(raw((0x00081140, "UN", b"no items at all!"))), EXPLICIT)
    assert again[0x00081140].vr == "UN"
    assert again[0x00081140].items is None


def test_zeros_at_the_end_are_padding():
    content = encoded(SAMPLE)
    assert set(parse(content + b"\0" * 1000, EXPLICIT)) == set(SAMPLE)


def test_many_zeros_before_something_end_soon():
    with pytest.raises((NotDicom, Truncated)):
        parse(b"\0" * 400_000 + b"\1\1\1", IMPLICIT)


def test_fragments_are_kept_as_they_are():
    fragments = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\4\0\0\0\1\2\3\4\xfe\xff\xdd\xe0\0\0\0\0"
    content = b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + fragments
    again = parse(content, EXPLICIT)
    assert again[0x7FE00010].encapsulated
    assert encoded(again) == content


def test_values_are_views_not_copies():
    content = encoded(SAMPLE)
    assert isinstance(parse(content, EXPLICIT)[0x7FE00010].value, memoryview)


def test_long_text_of_short_vr_becomes_un():
    content = encoded(raw((0x00204000, "LT", b"x" * 70_000)))
    assert content[4:6] == b"UN"
    assert parse(content, EXPLICIT)[0x00204000].vr == "LT"


def test_unknown_vr_is_read_by_the_dictionary():
    content = encoded(raw((0x00080060, "CS", "CT"), (0x00100020, "LO", "A1"))).replace(b"CS\2\0", b"zz\2\0")
    assert parse(content, EXPLICIT)[0x00080060].vr == "CS"


def test_group_lengths_are_not_written():
    assert 0x00080000 not in parse(encoded(raw((0x00080000, "UL", b"\4\0\0\0"), (0x00080060, "CS", "CT"))), EXPLICIT)


def test_odd_values_are_padded():
    data_set = DataSet()
    data_set[0x00080018] = Element(0x00080018, "UI", b"1.2.3")
    data_set[0x00080060] = Element(0x00080060, "CS", b"CTX")
    assert encoded(data_set).endswith(b"CTX ")
    assert b"1.2.3\0" in encoded(data_set)


def test_items_inside_un_are_parsed():
    items = parse_items(b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\0\0\0\0")
    assert items == [DataSet(), DataSet()]


@pytest.mark.skipif(shared_data() is None, reason="the shared files are not on this machine")
def test_shared_files_read_back_what_was_written():
    count = 0
    for path, _start, encoding, data_set in shared_objects():
        content = encoded(data_set, encoding)
        again = parse(content, encoding)
        assert encoded(again, encoding) == content, path.name
        count += 1
    assert count > 500
