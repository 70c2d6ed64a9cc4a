"""What identifies elsewhere in the object goes from its texts, in every spelling; research words stay."""

import pytest

from pacs.deid.text import Evidence
from pacs.dicom.elements import DataSet
from tests.deid.text.evidence_of import FULL, KNOWN, cleaned, data_set, evidence_of, named, smith

BOTH = pytest.mark.parametrize("strength", [FULL, KNOWN], ids=["full", "known"])


@BOTH
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("CT CHEST W/CONTRAST for SMITH^JOHN DOB 1960-01-01", "CT CHEST W/CONTRAST"),
        ("CT CHEST Smith, John", "CT CHEST"),
        ("CT CHEST JOHN SMITH", "CT CHEST"),
        ("J. SMITH CT CHEST", "CT CHEST"),
        ("SMITH J. CT CHEST", "CT CHEST"),
        ("SMITH, J / CT ABD/PEL", "CT ABD/PEL"),
        ("SMITHJOHN CHEST", "CHEST"),
        ("JOHNSMITH CHEST", "CHEST"),
        ("jsmith chest", "chest"),
        ("CHEST SmithJ", "CHEST"),
        ("chest_smith_1", "chest_1"),
        ("Smith's chest", "chest"),
        ("SMITHS CHEST", "CHEST"),
        ("smith2 chest", "2 chest"),
        ("SmithChest", "Chest"),
        ("SM1TH CHEST", "CHEST"),
        ("CHEST reviewed w/ SMITH", "CHEST reviewed"),
        ("SMITH_JOHN_19600101_CT_CHEST", "CT_CHEST"),
        ("Name=SMITH^JOHN;ID=12345678;DOB=19600101", ""),
        ("FOV 220mm/Smith/TR500", "FOV 220mm/TR500"),
        ("xxQuentinxx chest", "chest"),
        ("CT CHEST (SMITH)", "CT CHEST"),
        ("CT CHEST (SMITH, W/O)", "CT CHEST (W/O)"),
        ("CT CHEST, SMITH, W/O", "CT CHEST, W/O"),
        ("SMITH", ""),
        ("for SMITH", ""),
        ("Dr. Zbigniew Kowalski, MD", ""),
        ("CT by Dr Kowalski", "CT"),
        ("CHEST MRN-0012345678", "CHEST"),
        ("CHEST MRN: 12345678", "CHEST"),
        ("CHEST 0012345678", "CHEST"),
        ("CHEST 12345678", "CHEST"),
        ("CHEST 12-345-678", "CHEST"),
        ("CHEST #12345678 W/O", "CHEST W/O"),
        ("ACC99871 HEAD", "HEAD"),
        ("ACC-99871 HEAD", "HEAD"),
        ("Springfield General Hospital CHEST", "CHEST"),
        ("SPRINGFIELD CHEST", "CHEST"),
        ("CHEST CTSCAN77", "CHEST"),
        ("CHEST born 01.01.1960", "CHEST"),
        ("CHEST Date of Birth: 1 Jan 1960", "CHEST"),
        ("CHEST 01/01/1960", "CHEST"),
        ("CHEST 1.2.3.4.5.678", "CHEST 2.25.1"),
        ("CHEST RnJvbSBTTUlUSA== W/O", "CHEST W/O"),
        ("CHEST %53MITH", "CHEST"),
        ("VB20A", "VB20A"),
        ("syngo CT 2012B", "syngo CT 2012B"),
        ("*tfl2d1_16", "*tfl2d1_16"),
        ("1.5.2\\A", "1.5.2\\A"),
        ("Thorax^Thorax_Routine (Adult)", "Thorax^Thorax_Routine (Adult)"),
        ("General Electric", "General Electric"),
        ("LightSpeed VCT", "LightSpeed VCT"),
    ],
)
def test_own_values_go_and_the_rest_stays(before, after, strength):
    assert cleaned(smith(), before, strength) == after


def test_values_of_items_and_hidden_items_count():
    inner = data_set((0x00101001, "PN", "Hiddenname^Olga"))
    source = data_set()
    raw = b"".join(_encoded(inner))
    source.put(0x00091001, "UN", b"\xfe\xff\x00\xe0" + len(raw).to_bytes(4, "little") + raw)
    from pacs.deid.text import Evidence

    assert cleaned(Evidence(source, str), "Scanner of Hiddenname", KNOWN) == "Scanner"


def _encoded(inner):
    from pacs.dicom.syntaxes import Encoding
    from pacs.dicom.writing import encode

    implicit = Encoding(explicit=False, little_endian=True)
    return encode(inner, Encoding(explicit=True, little_endian=True), implicit)


@BOTH
def test_names_typed_in_other_elements_count(strength):
    evidence = evidence_of((0x00104000, "LT", "call Vandermeer^Pieter or pvandermeer@example.org"))
    assert cleaned(evidence, "CHEST Vandermeer", strength) == "CHEST"
    assert cleaned(evidence, "CHEST pvandermeer", strength) == "CHEST"


@BOTH
@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("Long^Mary", "LONG AXIS VIEW", "LONG AXIS VIEW"),
        ("Long^Mary", "AX for LONG^MARY", "AX"),
        ("Long^Mary", "Mary Long long axis", "long axis"),
        ("Long^Mary", "AX LONG, MARY", "AX"),
        ("Long^Mary", "AX Mr. Long", "AX"),
        ("Long^Mary", "AX Mrs Long", "AX"),
        ("Head^Larry", "CT HEAD", "CT HEAD"),
        ("Head^Larry", "CT HEAD L", "CT HEAD L"),
        ("Head^Larry", "CT HEAD for Larry Head", "CT HEAD"),
        ("Head^Larry", "CT HEAD Dr. Head", "CT HEAD"),
        ("Head^Bert", "CT Head, B.", "CT"),
        ("Hand^Ute", "X-RAY HAND LEFT", "X-RAY HAND LEFT"),
        ("White^Ute", "WHITE MATTER", "WHITE MATTER"),
        ("Young^Ute", "YOUNG ADULT", "YOUNG ADULT"),
        ("Brown^Ute", "BROWN FAT", "BROWN FAT"),
        ("Lung^Ute", "LUNG WINDOW", "LUNG WINDOW"),
        ("Short^Ute", "SHORT AXIS", "SHORT AXIS"),
        ("May^Ute", "AX Ute May", "AX"),
        ("Young^May", "CT YOUNG MAY", "CT"),
        ("Rose^Ute", "CHEST ROSE", "CHEST"),
        ("Rose^Ute", "Rose bengal", "Rose bengal"),
        ("Rose^Ute", "The pressure rose", "The pressure rose"),
        ("Baker^Ute", "MRI knee Baker cyst", "MRI knee Baker cyst"),
        ("Baker^Ute", "MRI knee BAKER", "MRI knee"),
        ("Smith^Ute", "MRI SMITH rib fracture", "MRI rib fracture"),
        ("Smith^Ute", "Smith's fracture", "Smith's fracture"),
        ("Li^Wei", "CHEST Li Wei", "CHEST"),
        ("Li^Wei", "CHEST Wei Li W/O", "CHEST W/O"),
        ("Wu^T", "Wu, T. CHEST", "CHEST"),
        ("Fox^Ute", "CHEST FOX, UTE", "CHEST"),
    ],
)
def test_names_that_are_words_go_where_they_are_the_person(name, before, after, strength):
    assert cleaned(named(name), before, strength) == after


@pytest.mark.parametrize("text", ["CHEST LI", "CHEST Fox", "NG CHEST"])
def test_short_names_go_alone_under_full_cleaning_only(text):
    evidence = named("Li^Wei", "Fox^Ute", "Ng^Ute")
    assert cleaned(evidence, text) == "CHEST"
    assert cleaned(evidence, text, KNOWN) == text


@BOTH
@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("Müller^Jürgen", "CHEST MULLER", "CHEST"),
        ("Müller^Jürgen", "CHEST Mueller", "CHEST"),
        ("Mueller^Ute", "CHEST Müller", "CHEST"),
        ("Jérômé^X", "CHEST JEROME", "CHEST"),
        ("Łukasz^Ute", "CHEST LUKASZ", "CHEST"),
        ("O'Brien^Ute", "CHEST OBrien", "CHEST"),
        ("O'Brien^Ute", "CHEST O'BRIEN", "CHEST"),
        ("Garcia-Lopez^Ute", "CHEST GARCIALOPEZ", "CHEST"),
        ("Garcia-Lopez^Ute", "CHEST Lopez", "CHEST"),
        ("van der Berg^Ute", "CHEST Vanderberg", "CHEST"),
        ("Wang^XiaoDong=王^小东", "给小东 CHEST", None),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "山田太郎 胸部", "胸部"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "ﾔﾏﾀﾞ", None),
        ("Vorlundman^Ute", "胸部Vorlundman胸部", "胸部 胸部"),
        ("Rose^Ute", "胸部ROSE", "胸部"),
        ("Hong^Gildong=洪^吉洞=홍^길동", "홍길동님 흉부", None),
        ("Люкceмбypг", "Люкceмбypг 12", "12"),
        ("Иванов^Пётр", "голова Иванова", "голова"),
        ("Διονυσιος^Παπας", "θωρακας ΔΙΟΝΥΣΙΟΣ", "θωρακας"),
        ("محمد^نور", "CHEST محمد", "CHEST"),
    ],
)
def test_names_of_all_scripts_go(name, before, after, strength):
    out = cleaned(named(name), before, strength)
    if after is None:
        assert not any(part in out for part in ("小东", "やまだ", "ヤマ", "ﾔﾏ", "길동"))
    else:
        assert out == after


@BOTH
@pytest.mark.parametrize("nobody", ["ANONYMOUS^TEST", "UNKNOWN", "PHANTOM^QA", "Anonymized^Patient", "XXXX^XX"])
def test_placeholders_are_nobody(nobody, strength):
    assert cleaned(named(nobody), "QA PHANTOM TEST unknown patient", strength) == "QA PHANTOM TEST unknown patient"


def test_dummy_ids_and_short_ids_stay_under_known():
    evidence = evidence_of((0x00200010, "SH", "1"), (0x00100020, "LO", "4711"), (0x00080050, "SH", "000000"))
    assert cleaned(evidence, "scan 1 of 4711 000000", KNOWN) == "scan 1 of 4711 000000"
    assert cleaned(evidence, "scan 1 of 4711") == "scan 1"


@BOTH
def test_collection_list_counts(strength):
    evidence = evidence_of(names=["Vandermeer, Pieter", "Quux Clinic Hospital", "ZZTOP17"])
    assert cleaned(evidence, "CHEST Vandermeer", strength) == "CHEST"
    assert cleaned(evidence, "CHEST pieter", strength) == "CHEST"
    assert cleaned(evidence, "CHEST at Quux Clinic Hospital", strength) == "CHEST"
    assert cleaned(evidence, "CHEST in the hospital", strength) == "CHEST in the hospital"


def test_collection_words_stay():
    assert cleaned(evidence_of(), "XQ7 NEWTRACER") != "XQ7 NEWTRACER"
    assert cleaned(evidence_of(words=["newtracer"]), "NEWTRACER CHEST") == "NEWTRACER CHEST"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("SMITH^JOHN", ""),
        ("Head^Larry^^Dr=頭^ラリ", "Head^Larry^^Dr=頭^ラリ"),
        ("SMITH^Paula", "^Paula"),
        ("Kowalski^Zbigniew^^Dr", ""),
        ("Q^JOHN", "Q"),
    ],
)
def test_person_names_keep_their_structure(before, after):
    assert cleaned(smith(), before, KNOWN, "PN") == after


def test_common_name_goes_within_a_person_name():
    assert cleaned(named("Head^Larry"), "HEAD", KNOWN, "PN") == ""


def test_station_name_is_whole_short_value():
    evidence = evidence_of((0x00081010, "SH", "CT01"))
    assert cleaned(evidence, "CT01", KNOWN, "SH") == ""
    assert cleaned(evidence, "CT01 CHEST", KNOWN) == "CT01 CHEST"


def test_maker_is_no_place():
    evidence = evidence_of((0x00080070, "LO", "SIEMENS Zeppelin"), (0x00080080, "LO", "Zeppelin Institute"))
    assert cleaned(evidence, "SIEMENS Zeppelin", KNOWN) == "SIEMENS Zeppelin"


@BOTH
def test_long_texts_are_cleaned_throughout(strength):
    line = "No acute disease in the left lung, seen by SMITH on 2020-01-15.\r\n"
    out = cleaned(smith(), line * 200, strength, "UT")
    assert "SMITH" not in out
    assert out.count("2017-04-20") == 200
    assert out.count("left lung") == 200


@pytest.mark.parametrize(
    ("institution", "text", "expected"),
    [
        ("Mercy General Hospital", "CT at Mercy General Chest", "CT Chest"),
        ("Mercy General Hospital", "CT CHEST MERCY GENERAL HOSPITAL", "CT CHEST"),
        ("Mercy General Hospital", "GENERAL CT HEAD", "GENERAL CT HEAD"),
        ("University Hospital", "CT UNIVERSITY HOSPITAL HEAD", "CT HEAD"),
        ("Chest Medical Center", "CT CHEST", "CT CHEST"),
        ("Head Neck", "CT HEAD NECK", "CT HEAD NECK"),
        ("Radiology Department", "RADIOLOGY DEPARTMENT", "RADIOLOGY DEPARTMENT"),
    ],
)
def test_institution_of_everyday_words_goes_as_a_phrase(institution, text, expected):
    original = DataSet()
    original.put(0x00080080, "LO", institution.encode())
    evidence = Evidence(original, lambda uid: uid, lambda day: day)
    assert evidence.clean(text, FULL).text == expected
