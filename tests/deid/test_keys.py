"""Keyed mappings: one to one, the same everywhere, and telling nothing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.deid.keys import CollectionKeys

KEYS = CollectionKeys.derive(b"m" * 32, "inbox")
UIDS = st.lists(st.integers(0, 10**9).map(str), min_size=3, max_size=8).map(lambda parts: "1.2." + ".".join(parts))


@given(st.sets(UIDS, min_size=2, max_size=30))
def test_uids_map_one_to_one(uids):
    assert len({KEYS.map_uid(uid) for uid in uids}) == len(uids)


@given(UIDS)
def test_mapped_uids_are_valid(uid):
    new = KEYS.map_uid(uid)
    assert re.fullmatch(r"2\.25\.(0|[1-9]\d*)", new)
    assert len(new) <= 64
    assert new == CollectionKeys.derive(b"m" * 32, "inbox").map_uid(uid)


def test_registered_and_empty_uids_stay():
    assert KEYS.map_uid("1.2.840.10008.5.1.4.1.1.2") == "1.2.840.10008.5.1.4.1.1.2"
    assert KEYS.map_uid("") == ""


@given(st.tuples(st.text(max_size=10), st.text(min_size=1, max_size=20)))
def test_date_shift_goes_back_one_to_ten_years(patient):
    assert -3650 <= KEYS.date_shift_days(*patient) <= -365


def test_pseudonym_shows_65_bits_in_the_pattern():
    assert re.fullmatch(r"INBOX-[A-Z2-7]{13}", KEYS.pseudonym("SITE", "123"))
    assert CollectionKeys.derive(b"m" * 32, "My trial 7!").pseudonym("", "1").startswith("MY-TRIAL-7-")


def test_issuer_and_id_do_not_run_together():
    assert KEYS.pseudonym("AB", "C") != KEYS.pseudonym("A", "BC")


def test_padding_and_unicode_form_make_no_other_patient():
    assert KEYS.pseudonym("S", "é1 ") == KEYS.pseudonym("S", "e\u03011")


def test_empty_patient_id_is_keyed_by_study():
    assert KEYS.pseudonym("S", "", "1.2") == KEYS.pseudonym("T", " ", "1.2") != KEYS.pseudonym("S", "", "1.3")


def test_subkeys_and_labels_are_independent():
    other = CollectionKeys.derive(b"m" * 32, "trial")
    assert len({KEYS.uid, KEYS.patient, KEYS.date, KEYS.receipt, other.uid, other.patient}) == 6
    assert KEYS.receipt_hmac("1.2") != other.receipt_hmac("1.2")


def test_key_bytes_are_never_shown():
    assert KEYS.uid.hex() not in repr(KEYS)
    assert repr(KEYS.uid) not in repr(KEYS)


def test_refuses_a_short_master_key():
    with pytest.raises(ValueError, match="16 bytes"):
        CollectionKeys.derive(b"short", "inbox")
