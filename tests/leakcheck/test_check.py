"""The whole second reader behind the real de-identifier: it lets clean results pass and holds leaking ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.deid import CollectionKeys, deidentify, load_profile
from pacs.dicom.elements import PIXEL_TAGS, DataSet
from pacs.dicom.fileformat import file_start
from pacs.dicom.syntaxes import EXPLICIT_LE, Encoding
from pacs.leakcheck import Context, check
from pacs.model import Finding
from tests.data_folder import shared_data
from tests.dicom.raw_objects import EXPLICIT, ct, encoded, raw, shared_objects

KEYS = CollectionKeys.derive(b"k" * 32, "inbox")


def after_deidentification(data_set: DataSet, encoding: Encoding, syntax: str = EXPLICIT_LE) -> tuple[Finding, ...]:
    """What the second reader finds in the result of the basic profile."""
    result = deidentify(data_set, encoding, load_profile("basic"), KEYS)
    header = DataSet({tag: element for tag, element in result.data_set.items() if tag not in PIXEL_TAGS})
    start = file_start(result.sop_class_uid, result.sop_uid, syntax)
    return check(data_set, result.data_set, encoding, start + encoded(header, encoding))


def test_clean_result_passes():
    assert not after_deidentification(
        ct((0x00081030, "LO", "CT for Quixotic"), (0x00080020, "DA", "20200115")), EXPLICIT
    )


def test_preamble_and_file_meta_are_read():
    original = ct()
    start = bytearray(file_start("1.2.840.10008.5.1.4.1.1.2", "1.2.826.0.1.3680043.99.4", EXPLICIT_LE))
    start[3] = 1
    rules = {finding.rule for finding in check(original, raw(), EXPLICIT, bytes(start))}
    assert rules == {"preamble", "UID"}


@given(st.binary(max_size=60), st.sampled_from(["PN", "LO", "UI", "DA", "UN", "OB", "CS"]), st.integers(0, 0xFFFF))
def test_odd_values_never_break_it(value, vr, number):
    original, result = ct(), raw((0x00080005, "CS", value[:10]))
    original.put(0x00080000 | number, vr, value)
    result.put(0x00080000 | number, vr, value)
    check(original, result, EXPLICIT, encoded(result))


@given(st.text(st.characters(codec="utf-8", categories=("Lu", "Ll")), min_size=7, max_size=14))
def test_any_name_that_stays_is_found(name):
    original = raw((0x00080005, "CS", "ISO_IR 192"), (0x00100010, "PN", f"Q{name}q^A".encode()))
    result = raw((0x00080005, "CS", "ISO_IR 192"), (0x00081090, "LO", f"of Q{name}q".encode()))
    assert check(original, result, EXPLICIT, encoded(result))


@pytest.mark.skipif(shared_data() is None, reason="the shared files are not on this machine")
def test_at_least_95_percent_of_shared_files_pass():
    held = [path for path, start, encoding, data_set in shared_objects() if after_deidentification(data_set, encoding)]
    total = sum(1 for _ in shared_objects())
    assert total > 500
    assert len(held) <= total * 0.05, held


def test_issued_identifier_may_hold_a_name_of_the_collection():
    """A patient named like the collection: the pseudonym ``TRIAL-...`` is no leak, the same word elsewhere is."""
    original, result = DataSet(), DataSet()
    original.put(0x00100010, "PN", b"Trialon^Jane")
    result.put(0x00100010, "PN", b"TRIALON-ABCDEFG")
    result.put(0x00100020, "LO", b"TRIALON-ABCDEFG")
    encoding = Encoding(explicit=True, little_endian=True)
    assert check(original, result, encoding, b"", Context(issued=("TRIALON-ABCDEFG",))) == ()
    result.put(0x00081030, "LO", b"SCAN OF TRIALON")
    found = check(original, result, encoding, b"", Context(issued=("TRIALON-ABCDEFG",)))
    assert [finding.path for finding in found] == ["00081030"]


def test_value_that_a_rule_keeps_elsewhere_is_excused_but_never_a_name():
    original = raw(
        (0x00080018, "UI", "1.2.826.0.1.3680043.99.4"), (0x00181000, "LO", "SN778812"), (0x00100010, "PN", "Quixotic^Z")
    )
    result = raw((0x00080018, "UI", "1.2.826.0.1.3680043.99.4"), (0x0040A124, "UI", "1.2.826.0.1.3680043.99.4"))
    result.put(0x00181000, "LO", b"SN778812")
    kept = {0x00080018: "retain UIDs", 0x00181000: "retain device"}
    assert not check(original, result, EXPLICIT, b"", Context(kept=kept))
    result.put(0x00181000, "LO", b"Quixotic")
    assert check(original, result, EXPLICIT, b"", Context(kept=kept))
