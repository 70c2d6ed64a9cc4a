"""The engine as a curator sees it: identity goes, references hold together, the rest is left alone."""

import gc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacs.deid.dummies import blank_pdf
from pacs.dicom.elements import DataSet, Element, parse
from pacs.dicom.values import numbers_of
from tests.deid.engine_runs import KEYS, run, text
from tests.dicom.raw_objects import BIG, EXPLICIT, IMPLICIT, ct, encoded, items, raw

SR = "1.2.840.10008.5.1.4.1.1.88.11"


def test_input_is_never_changed():
    source = ct((0x00081140, "SQ", [raw((0x00081155, "UI", "1.2.3"))]))
    before = encoded(source)
    run(source)
    assert encoded(source) == before


def test_same_input_gives_same_bytes():
    source = ct((0x00081140, "SQ", [raw((0x00081155, "UI", "1.2.3"))]), (0x00080020, "DA", "20200115"))
    assert encoded(run(source).data_set) == encoded(run(parse(encoded(source), EXPLICIT)).data_set)


def test_nothing_waits_for_the_garbage_collector():
    """A worker would else keep some hundred objects mapped, and look through all that they hold."""
    source = ct((0x00081140, "SQ", [raw((0x00081155, "UI", "1.2.3"))]), (0x00081030, "LO", "CT of 3 May 2020"))
    run(source)
    gc.collect()
    run(source)
    assert gc.collect() == 0


def test_untouched_values_are_the_same_objects():
    source = ct((0x7FE00010, "OW", b"\1\2\3\4"), (0x00280030, "DS", "0.5\\0.5 "))
    result = run(source)
    assert result.data_set[0x7FE00010] is source[0x7FE00010]
    assert result.data_set[0x00280030].value is source[0x00280030].value


def test_encapsulated_pixels_pass_through():
    source = ct()
    source[0x7FE00010] = Element(0x7FE00010, "OB", memoryview(b"fragments"), encapsulated=True)
    assert run(source).data_set[0x7FE00010] is source[0x7FE00010]


def test_identity_is_pseudonym_in_id_and_name():
    result = run(ct())
    assert text(result.data_set, 0x00100020) == text(result.data_set, 0x00100010) == result.patient_id
    assert result.patient_id == KEYS.pseudonym("", "MRN-778812")


@pytest.mark.parametrize("name", [None, ""])
def test_missing_or_empty_name_gets_the_pseudonym(name):
    source = ct()
    del source[0x00100010]
    if name is not None:
        source.put(0x00100010, "PN", b"")
    result = run(source)
    assert text(result.data_set, 0x00100010) == result.patient_id


def test_context_groups_keep_their_public_uid():
    assert text(run(ct((0x00080117, "UI", "1.2.840.10008.6.1.925"))).data_set, 0x00080117) == "1.2.840.10008.6.1.925"


def test_label_of_a_medium_stays_without_names():
    kept = run(ct((0x00880130, "SH", "DISK 7 Quixotic"))).data_set
    assert text(kept, 0x00880130) == "DISK 7"


def test_issuer_wins_over_site():
    with_issuer = ct((0x00100021, "LO", "HOSP"))
    assert run(with_issuer, site="S").patient_id == KEYS.pseudonym("HOSP", "MRN-778812")
    assert run(ct(), site="S").patient_id == KEYS.pseudonym("S", "MRN-778812")


def test_nested_item_without_issuer_names_the_same_patient():
    nested = raw((0x00100010, "PN", "Quixotic^Zebulon"), (0x00100020, "LO", "MRN-778812"))
    other = raw((0x00100020, "LO", "MRN-778812"), (0x00100021, "LO", "ELSEWHERE"))
    result = run(ct((0x00100021, "LO", "HOSP"), (0x00081140, "SQ", [nested, other])))
    first, second = items(result.data_set, 0x00081140)
    assert text(first, 0x00100020) == text(first, 0x00100010) == result.patient_id
    assert text(second, 0x00100020) == KEYS.pseudonym("ELSEWHERE", "MRN-778812")


def test_missing_patient_id_is_given_by_study():
    source = ct()
    del source[0x00100020]
    result = run(source)
    assert text(result.data_set, 0x00100020) == KEYS.pseudonym("", "", text(source, 0x0020000D))


def test_character_set_makes_no_other_patient():
    latin = ct((0x00080005, "CS", "ISO_IR 100"), (0x00100020, "LO", "Jérôme-1".encode("latin-1")))
    utf8 = ct((0x00080005, "CS", "ISO_IR 192"), (0x00100020, "LO", "Jérôme-1".encode()))
    assert run(latin).patient_id == run(utf8).patient_id


def test_uids_and_references_are_mapped_together():
    source = ct((0x00081140, "SQ", [raw((0x00081155, "UI", "1.2.826.0.1.3680043.99.4"))]))
    result = run(source)
    assert (
        text(items(result.data_set, 0x00081140)[0], 0x00081155) == result.sop_uid == text(result.data_set, 0x00080018)
    )
    assert result.uid_map["1.2.826.0.1.3680043.99.4"] == result.sop_uid


def test_many_valued_uids_are_mapped_each():
    result = run(ct((0x00080058, "UI", "1.2.3.4\\1.2.840.10008.1.2\\1.2.3.4")))
    new = KEYS.map_uid("1.2.3.4")
    assert text(result.data_set, 0x00080058) == f"{new}\\1.2.840.10008.1.2\\{new}"


def test_private_sop_class_stays():
    result = run(ct((0x00080016, "UI", "1.2.840.113619.4.27"), (0x00081150, "UI", "1.2.840.113619.4.27")))
    assert result.sop_class_uid == "1.2.840.113619.4.27"
    assert text(result.data_set, 0x00081150) == "1.2.840.113619.4.27"


def test_marks_say_what_was_done():
    marked = run(ct()).data_set
    assert text(marked, 0x00120062) == "YES"
    assert text(marked, 0x00280303) == "REMOVED"
    assert text(marked, 0x00120063).startswith("TrialPACS basic ")
    codes = [(text(item, 0x00080100), text(item, 0x00080102)) for item in items(marked, 0x00120064)]
    assert codes == [("113100", "DCM")]


def test_earlier_marks_stay_in_front():
    code = raw((0x00080100, "SH", "113107"), (0x00080102, "SH", "DCM"), (0x00080104, "LO", "m"))
    once = run(ct((0x00120063, "LO", "Other tool"), (0x00120064, "SQ", [code]))).data_set
    twice = run(once).data_set
    assert text(twice, 0x00120063).startswith("Other tool\\TrialPACS")
    assert text(twice, 0x00120063).count("TrialPACS") == 1
    assert [text(item, 0x00080100) for item in items(twice, 0x00120064)] == ["113107", "113100"]


def test_empty_elements_stay_empty():
    assert not run(ct((0x00080050, "SH", ""), (0x00080090, "PN", ""))).data_set[0x00080050].value


def test_wrong_vr_does_not_save_an_element():
    result = run(
        ct((0x00100030, "LO", "19600101"), (0x00101000, "UN", "OTHER-9912"), (0x00180050, "PN", "Quixotic^Zebulon"))
    )
    content = encoded(result.data_set)
    assert not [secret for secret in (b"19600101", b"OTHER-9912", b"Quixotic") if secret in content]


def test_unreadable_sequence_is_removed():
    source = ct()
    source[0x00082218] = Element(0x00082218, "UN", b"not a sequence at all")
    assert 0x00082218 not in run(source).data_set


def test_unknown_public_elements_are_removed():
    assert 0x0018EEEE not in run(ct((0x0018EEEE, "LO", "who knows"))).data_set


def test_group_lengths_and_padding_go():
    result = run(ct((0x00080000, "UL", b"\4\0\0\0"), (0xFFFCFFFC, "OB", b"pad!")))
    assert not {0x00080000, 0xFFFCFFFC} & result.data_set.keys()


def test_overlay_planes_go_whole():
    result = run(ct((0x60000010, "US", b"\1\0"), (0x60003000, "OW", b"\1\0"), (0x60001500, "LO", "Zebulon")))
    assert not [tag for tag in result.data_set if tag >> 24 == 0x60]


@pytest.mark.parametrize("encoding", [IMPLICIT, EXPLICIT, BIG])
def test_document_becomes_a_blank_one_of_its_kind(encoding):
    length = b"\0\0\0\7" if encoding is BIG else b"\7\0\0\0"
    source = ct((0x00420011, "OB", b"%PDF-Zebulon"), (0x00420012, "LO", "application/pdf"), (0x00420015, "UL", length))
    result = run(source, encoding).data_set
    document = bytes(result[0x00420011].value)
    assert document.startswith(b"%PDF-1.4")
    assert numbers_of(result[0x00420015], little_endian=encoding.little_endian) == [len(blank_pdf())]


def test_report_content_keeps_codes_and_measurements():
    concept = raw((0x00080100, "SH", "121071"), (0x00080102, "SH", "DCM"), (0x00080104, "LO", "Finding"))
    local = raw((0x00080100, "SH", "77"), (0x00080102, "SH", "99HOSP"), (0x00080104, "LO", "Dr Zebulon"))
    words = raw((0x0040A040, "CS", "TEXT"), (0x0040A043, "SQ", [concept]), (0x0040A160, "UT", "Seen by Zebulon"))
    number = raw((0x0040A040, "CS", "NUM"), (0x0040A30A, "DS", "12.5"), (0x0040A168, "SQ", [local]))
    source = ct((0x00080016, "UI", SR), (0x0040A730, "SQ", [words, number]))
    first, second = items(run(source).data_set, 0x0040A730)
    assert text(items(first, 0x0040A043)[0], 0x00080104) == "Finding"
    assert text(first, 0x0040A160) == "REMOVED"
    assert text(second, 0x0040A30A) == "12.5"
    assert text(items(second, 0x0040A168)[0], 0x00080104) == "REMOVED"


@pytest.mark.parametrize(("years", "stays"), [("93", False), ("61", True)])
def test_old_age_goes_from_report_content(years, stays):
    concept = raw((0x00080100, "SH", "121033"), (0x00080102, "SH", "DCM"), (0x00080104, "LO", "Subject Age"))
    measured = raw((0x0040A30A, "DS", years))
    item = raw((0x0040A040, "CS", "NUM"), (0x0040A043, "SQ", [concept]), (0x0040A300, "SQ", [measured]))
    result = items(run(ct((0x0040A730, "SQ", [item]))).data_set, 0x0040A730)[0]
    assert bool(result[0x0040A300].items) is stays


def test_nests_300_levels_deep():
    inner = raw((0x00081155, "UI", "1.2.3.4"), (0x00100010, "PN", "Quixotic^Zebulon"))
    for _ in range(300):
        inner = raw((0x00081140, "SQ", [inner]))
    content = encoded(run(ct((0x00081140, "SQ", [inner]))).data_set)
    assert b"Quixotic" not in content
    assert KEYS.map_uid("1.2.3.4").encode() in content


def test_report_never_holds_a_value():
    shown = str(run(ct((0x00080080, "LO", "Hospital of Zebulonia"))).report)
    assert "00100020" in shown
    assert not [word for word in ("Quixotic", "778812", "Zebulon", "INBOX-") if word in shown]


SECRET = "Zebulonsecret"
PLACES = st.sampled_from(
    [0x00100010, 0x00081030, 0x00104000, 0x00324000, 0x00081048, 0x00091001, 0x00100020, 0x00402400]
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.recursive(st.lists(PLACES, max_size=4), lambda children: st.lists(children, max_size=3), max_leaves=8))
def test_no_planted_token_survives_in_any_structure(structure):
    def build(node: object) -> DataSet:
        item = DataSet()
        for index, child in enumerate(node if isinstance(node, list) else []):
            if isinstance(child, list):
                tag = (0x00081140, 0x00082218, 0x00091002)[index % 3]
                item[tag] = Element(tag, "SQ", b"", [build(child)])
            else:
                item.put(child, "LO", SECRET.encode())
        return item

    source = ct(*[(e.tag, e.vr, e.items if e.items is not None else e.value) for e in build(structure).values()])
    assert SECRET.encode() not in encoded(run(source).data_set)


@given(st.binary(max_size=40), st.sampled_from(["PN", "LO", "UI", "DA", "UN", "OB", "CS", "IS"]), PLACES)
def test_odd_values_never_break_it(value, vr, tag):
    source = ct((0x00080005, "CS", value[:8]))
    source[tag] = Element(tag, vr, value)
    encoded(run(source).data_set)
