"""The second reader's rules, each both ways: it finds, and it does not cry wolf."""

import pytest

from pacs.leakcheck import Context, review
from tests.dicom.raw_objects import encoded, raw
from tests.leakcheck.pairs import KERNEL, MODEL, NAME, PATIENT_ID, found, rules

UTF8 = (0x00080005, "CS", "ISO_IR 192")
INSTITUTION, STATION, ACCESSION = 0x00080080, 0x00081010, 0x00080050


def named(name: str, text: str, vr: str = "LO", tag: int = MODEL) -> set[str]:
    """Rules that find a PN value's parts in a text of the result."""
    return rules([UTF8, (NAME, "PN", name)], [UTF8, (tag, vr, text)])


@pytest.mark.parametrize(
    "text",
    [
        "scan of Quixotic",
        "QUIXOTIC",
        "quixotic,zebulon",
        "x_Quixotic_y",
        "ZEBULONQUIXOTIC",
        "Quíxotic",
        "A\\B\\Zebulon",
    ],
)
def test_name_is_found_as_whole_word(text):
    assert "name" in named("Quixotic^Zebulon^^Dr^Jr", text)


@pytest.mark.parametrize("text", ["Quixotical", "Quix", "Dr", "Jr", "unrelated"])
def test_parts_of_words_and_titles_are_no_name(text):
    assert not named("Quixotic^Zebulon^^Dr^Jr", text)


@pytest.mark.parametrize("name", ["Li^Wu", "ANONYMOUS^TEST", "UNKNOWN", "XXXX^XXXX", "PHANTOM^HEAD1", "Smi^Jo^^Prof"])
def test_short_names_and_placeholders_never(name):
    assert not named(name, "li wu anonymous test unknown phantom prof xxxx smi")


def test_suffixes_and_titles_never():
    assert not named("Quixotic^Z^^Professor^Technician", "professor technician")


def test_accents_fold_both_ways():
    assert "name" in named("Jérôme^Müller", "Muller")
    assert "name" in named("Jerome^X", "JÉRÔME")
    assert "name" in named("Søren^X", "soren")


@pytest.mark.parametrize("text", ["王小东的", "小东", "给小东"])
def test_cjk_names_need_two_letters_and_no_blanks(text):
    assert "name" in named("Wang^Xiaodong=王^小东", text)


def test_one_cjk_letter_is_no_name():
    assert not named("Wang=王^东", "王府 东部")


def test_other_scripts_are_found():
    assert "name" in named("Люкceмбypг^Иван", "снимок ИВАН")


@pytest.mark.parametrize(
    ("text", "vr"), [("HEAD ROUTINE", "LO"), ("long axis", "LO"), ("MR HEAD", "LO"), ("HEAD", "CS")]
)
def test_vocabulary_word_alone_is_no_name(text, vr):
    assert not named("Head^Long", text, vr)


@pytest.mark.parametrize("text", ["long head", "scan for Dr. Head", "Mr Long", "Head, Long"])
def test_vocabulary_word_beside_name_or_title_is(text):
    assert "name that is a word too" in named("Head^Long", text)


def test_vocabulary_word_in_pn_is_a_name():
    assert "name that is a word too" in named("Head^Xy", "Head", "PN", 0x00102297)


def test_short_name_unchanged_in_pn_is_found():
    assert "whole name" in named("Li^Wu", "Li^Wu", "PN", 0x00102297)


def test_names_of_deleted_private_and_un_elements_count():
    hidden = raw((0x00101001, "PN", "Quixotic^Olga"))
    un = b"\xfe\xff\x00\xe0" + (18).to_bytes(4, "little") + b"\x10\0\x20\0\x0a\0\0\0MRN-778812"
    original = raw((0x00091001, "SQ", [hidden]), (0x00091002, "PN", "Zebulon^A"), (0x00091003, "UN", un))
    assert "name" in rules(original, [(MODEL, "LO", "Quixotic")])
    assert "name" in rules(original, [(MODEL, "LO", "zebulon")])
    assert "id" in rules(original, [(MODEL, "LO", "MRN-778812")])


def identified(patient_id: str, *result: tuple[int, str, str]) -> set[str]:
    return rules([(PATIENT_ID, "LO", patient_id)], list(result))


@pytest.mark.parametrize(
    ("patient_id", "text"),
    [("MRN-778812", "of mrn-778812."), ("AB123", "(AB123)"), ("123456", "no 123456"), ("A_B.C/9", "x A_B.C/9")],
)
def test_id_is_found_at_word_boundaries(patient_id, text):
    assert identified(patient_id, (MODEL, "LO", text)) == {"id"}


@pytest.mark.parametrize(
    ("patient_id", "text"),
    [("AB123", "XAB1234"), ("12345", "12345"), ("AB12", "AB12"), ("123456", "91234567"), ("PHANTOM", "PHANTOM")],
)
def test_short_bounded_and_placeholder_ids_are_no_hit(patient_id, text):
    assert not identified(patient_id, (MODEL, "LO", text))


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [(0x00080018, "UI", "1.2.123456.7"), (0x00180050, "DS", "123456"), (0x00200011, "IS", "123456")],
)
def test_digits_are_never_searched_in_numbers_or_uids(tag, vr, value):
    assert not identified("123456", (tag, vr, value))


def test_short_id_is_found_only_as_whole_id_element():
    assert identified("77", (0x00200010, "SH", "77")) == {"short id"}
    assert not identified("77", (0x00200010, "SH", "177"), (MODEL, "LO", "77"))


def test_email_local_part_is_an_id():
    assert "id" in rules([(0x00102154, "SH", "zeb.quix@host.org")], [(MODEL, "LO", "zeb.quix")])


def placed(institution: str, text: str, maker: str = "") -> set[str]:
    return rules([(INSTITUTION, "LO", institution), (0x00080070, "LO", maker)], [(MODEL, "LO", text)])


@pytest.mark.parametrize("text", ["Zebulonia General Hospital", "at zebulonia", "ZEBULONIA-CT"])
def test_institution_is_found_whole_or_by_its_own_word(text):
    assert placed("Zebulonia General Hospital", text) == {"institution"}


@pytest.mark.parametrize("text", ["General Hospital", "hospital", "general electric"])
def test_shared_words_of_institutions_are_no_hit(text):
    assert not placed("Zebulonia General Hospital", text)


def test_maker_is_no_institution():
    assert not placed("Acmescan Medical", "Acmescan 3000", maker="ACMESCAN")


def test_house_numbers_never_alone():
    assert not rules([(0x00101040, "LO", "1234567 Zebulonstreet")], [(MODEL, "LO", "1234567")])


def test_station_is_found_only_in_ae_and_sh():
    assert rules([(STATION, "SH", "CTROOM7X")], [(KERNEL, "SH", "CTROOM7X")]) == {"station or AE title"}
    assert not rules([(STATION, "SH", "CTROOM7X")], [(MODEL, "LO", "CTROOM7X")])


def test_ae_titles_of_the_transfer_count():
    context = Context(aes=("HOSPITALCT1",))
    assert rules([], [(0x00080054, "AE", "HOSPITALCT1")], context) == {"station or AE title"}


@pytest.mark.parametrize("text", ["1.2.826.0.1.3680043.99.4", "see 1.2.826.0.1.3680043.99.4, ok"])
def test_uid_is_found_whole_in_ui_and_text(text):
    original = [(0x00080018, "UI", "1.2.826.0.1.3680043.99.4")]
    assert rules(original, [(MODEL, "LO", text)]) == {"UID in text"}
    assert rules(original, [(0x00081155, "UI", "1.2.826.0.1.3680043.99.4")]) == {"UID"}


def test_longer_uid_and_registered_uid_are_no_hit():
    original = [(0x00080018, "UI", "1.2.826.0.1.3680043.99.4"), (0x00081150, "UI", "1.2.840.113619.4.27")]
    assert not rules(
        original, [(0x00081155, "UI", "1.2.826.0.1.3680043.99.44"), (MODEL, "LO", "1.2.826.0.1.3680043.99.4.1")]
    )
    assert not rules(
        original, [(0x00081150, "UI", "1.2.840.113619.4.27"), (0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2")]
    )


def test_date_unchanged_in_its_element_is_found():
    assert found([(0x00080020, "DA", "20200115")], [(0x00080020, "DA", "20200115")]) == {("00080020", "date unchanged")}


def test_shifted_date_that_equals_another_original_is_no_hit():
    original = [(0x00080020, "DA", "20200115"), (0x00100030, "DA", "20190115")]
    assert not rules(original, [(0x00080020, "DA", "20190115")])


@pytest.mark.parametrize(
    "text", ["20200115", "2020-01-15", "15.01.2020", "01/15/2020", "15 Jan 2020", "at 20200115101112"]
)
def test_date_in_text_is_found_however_written(text):
    assert rules([(0x00080020, "DA", "20200115")], [(MODEL, "LO", text)]) == {"date in text"}


@pytest.mark.parametrize("text", ["20200116", "120200115", "2020", "2020011", "202001150"])
def test_other_numbers_are_no_date(text):
    assert not rules([(0x00080020, "DA", "20200115")], [(MODEL, "LO", text)])


def test_kept_element_is_excused_and_listed():
    original, result = raw((INSTITUTION, "LO", "Zebulonia")), raw((INSTITUTION, "LO", "Zebulonia"))
    context = Context(kept={INSTITUTION: "113112 retain institution identity"})
    said = review(original, result, encoded(result), context)
    assert not said.findings
    assert [(each.path, each.rule) for each in said.excused] == [("00080080", "113112 retain institution identity")]


def test_part_of_a_kept_institution_is_excused():
    verifier = 0x0040A027
    original = raw((INSTITUTION, "LO", "Zebulonia Royal Hospital"), (verifier, "LO", "Zebulonia"))
    result = raw((INSTITUTION, "LO", "Zebulonia Royal Hospital"))
    assert not review(original, result, encoded(result), Context(kept={INSTITUTION: "kept"})).findings
    assert review(original, result, encoded(result), Context()).findings


def test_raw_bytes_of_six_letters_are_found():
    binary = b"\0\1\2Quixotic\0\1\2\3"
    assert found([(NAME, "PN", "Quixotic^Z")], [(0x00282000, "OB", binary)]) >= {("00282000", "raw bytes")}


@pytest.mark.parametrize("vr", ["US", "FD", "OW", "AT", "UL"])
def test_letters_within_numbers_are_found(vr):
    assert rules([(NAME, "PN", "Quixotic^Z")], [(0x00281055, vr, b"\0\0Quixotic\0\0\0\0\0\0")]) >= {"raw bytes"}
    assert not rules([(PATIENT_ID, "LO", "12345678")], [(0x00281055, vr, b"\0\0\0\00012345678\0\0\0\0")])


@pytest.mark.parametrize("vr", ["DS", "IS", "TM", "UI", "AS"])
def test_letters_astray_in_digit_elements_are_found(vr):
    assert "name" in rules([(NAME, "PN", "Quixotic^Z")], [(0x00180050, vr, "Quixotic")])


def test_short_bytes_in_binary_values_are_no_hit():
    assert not rules([(NAME, "PN", "Quix^Z")], [(0x00282000, "OB", b"\0\1\2Quix\0\1\2\3\4\5")])


def test_short_name_in_readable_bytes_is_confirmed_by_decoding():
    assert "name" in rules([(NAME, "PN", "Quix^Z")], [(0x00282000, "OB", b"scan of Quix ")])


def test_pixels_are_not_searched():
    assert not rules([(NAME, "PN", "Quixotic^Z")], [(0x7FE00010, "OW", b"Quixotic")])


def test_nested_hit_names_its_path():
    result = raw((0x00082218, "SQ", [raw((MODEL, "LO", "ok")), raw((MODEL, "LO", "Quixotic"))]))
    assert found([(NAME, "PN", "Quixotic^Z")], result) == {("00082218[1].00081090", "name")}


def test_no_finding_shows_a_value():
    original = raw((NAME, "PN", "Quixotic^Zebulon"), (PATIENT_ID, "LO", "MRN-778812"), (ACCESSION, "SH", "ACC4711"))
    result = raw((MODEL, "LO", "Quixotic MRN-778812 ACC4711"))
    shown = str(found(original, result))
    assert "MODEL" not in shown
    assert not [secret for secret in ("uixotic", "778812", "4711") if secret in shown]
