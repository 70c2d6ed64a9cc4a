"""CTP scripts over whole objects, as CTP applies them and laid over a profile."""

import hashlib
from pathlib import Path

import pytest

from pacs.deid import CollectionKeys, Context, Result, deidentify, load_profile
from pacs.deid.actions import kept_by
from pacs.deid.ctp import MissingKey, Outside, Quarantined, Skipped, read_script
from pacs.deid.ctp.conversion import profile_of_script
from pacs.deid.ctp.lookup import read_lookup
from pacs.dicom.dictionary import tag_of, vr_of
from pacs.dicom.elements import DataSet, Element
from pacs.dicom.syntaxes import EXPLICIT_LE, encoding_of
from pacs.dicom.values import charset_of, first_text, text_of
from pacs.errors import BadRequest, ProfileError, Refused

ENCODING = encoding_of(EXPLICIT_LE)
KEYS = CollectionKeys.derive(bytes(32), "test")
UIDS = """
<e en="T" t="00080018" n="SOPInstanceUID">@hashuid(@UIDROOT,this)</e>
<e en="T" t="0020000D" n="StudyInstanceUID">@hashuid(@UIDROOT,this)</e>
<e en="T" t="0020000E" n="SeriesInstanceUID">@hashuid(@UIDROOT,this)</e>
<p t="UIDROOT">1.2.3</p>
"""


def item_of(**values: str) -> DataSet:
    found = DataSet()
    for keyword, value in values.items():
        found.put(tag_of(keyword), vr_of(tag_of(keyword)), value.encode())
    return found


def example(**more: str) -> DataSet:
    values = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
        "SOPInstanceUID": "1.2.840.113619.2.1.1.1",
        "StudyInstanceUID": "1.2.840.113619.2.1",
        "SeriesInstanceUID": "1.2.840.113619.2.1.1",
        "PatientName": "Doe^John^Q",
        "PatientID": "PID-0042",
        "StudyDate": "20240229",
        "StudyDescription": "CT CHEST",
        "Modality": "CT",
        "InstitutionName": "Somewhere General",
    }
    found = item_of(**(values | more))
    referenced = item_of(ReferencedSOPInstanceUID="1.2.840.113619.2.1.9", PatientID="PID-0042")
    found[0x00081140] = Element(0x00081140, "SQ", b"", [referenced])
    found.put(0x00090010, "LO", b"MAKER")
    found.put(0x00091001, "LO", b"inside")
    found.put(0x60003000, "OW", b"\0\0")
    found.put(0x50000010, "US", b"\1\0")
    return found


def run(
    tmp_path: Path,
    body: str,
    ctp: str = "strict",
    source: DataSet | None = None,
    lookup: dict[str, str] | None = None,
) -> Result:
    file = tmp_path / "site.script"
    file.write_text(f"<script>{UIDS}{body}</script>")
    profile = load_profile(str(file), None, ctp)
    return deidentify(source or example(), ENCODING, profile, KEYS, Context(outside=Outside(lookup or {})))


def e(tag: int | str, text: str) -> str:
    tag = f"{tag_of(tag):08X}" if isinstance(tag, str) and not tag[:4].isdigit() else tag
    return f'<e en="T" t="{tag}" n="">{text}</e>'


def r(what: str) -> str:
    return f'<r en="T" t="{what}"/>'


def keys_of(result: Result) -> set[int]:
    return set(result.data_set)


def test_strict_script_changes_what_it_names_alone(tmp_path):
    result = run(tmp_path, e("PatientID", "SUBJECT") + e("PatientName", "@empty()"))
    assert result.patient_id == "SUBJECT"
    assert bytes(result.data_set[0x00100010].value) == b"  "  # CTP writes a blank into an empty name
    assert first_text(result.data_set, tag_of("InstitutionName")) == "Somewhere General"
    assert keys_of(result) >= {0x00081140, 0x00091001, 0x60003000, 0x50000010}
    assert result.sop_uid.startswith("1.2.3.4076106259240508445594916332682190223")
    assert result.uid_map["1.2.840.113619.2.1.1.1"] == result.sop_uid


def test_strict_script_adds_the_default_character_set(tmp_path):
    assert first_text(run(tmp_path, "").data_set, 0x00080005) == "ISO_IR 100"


def test_global_removals_follow_ctps_order(tmp_path):
    assert 0x00091001 not in keys_of(run(tmp_path, r("privategroups")))
    assert 0x60003000 not in keys_of(run(tmp_path, r("overlays") + e("60003000", "@keep()")))
    assert 0x50000010 in keys_of(run(tmp_path, r("curves")))  # alone it deletes nothing in CTP
    assert 0x50000010 not in keys_of(run(tmp_path, r("curves") + r("unspecifiedelements")))


def test_unspecified_elements_go_but_those_kept_by_themselves(tmp_path):
    result = run(tmp_path, r("unspecifiedelements") + '<k en="T" t="0010"/>')
    assert keys_of(result) >= {0x00080016, 0x00080018, 0x0020000D, 0x00100010, 0x00100020, 0x60003000}
    assert not keys_of(result) & {0x00080005, tag_of("InstitutionName"), 0x00081140}


def test_sequence_is_entered_by_process_only(tmp_path):
    rule = e("ReferencedSOPInstanceUID", "@hashuid(@UIDROOT,this)")
    untouched = run(tmp_path, rule).data_set[0x00081140].items
    entered = run(tmp_path, rule + e("00081140", "@process()")).data_set[0x00081140].items
    assert untouched is not None
    assert entered is not None
    assert text_of(untouched[0][0x00081155]) == "1.2.840.113619.2.1.9"
    assert text_of(entered[0][0x00081155]) == "1.2.3.198036103932113365185888443753639619099"


def test_always_inserts_what_is_absent(tmp_path):
    result = run(
        tmp_path,
        e("00120063", "@always()By script") + e("00120021", "@require()") + e("00130010", "@always()CTP")
        + e("00131010", "@always()TRIAL") + e("00120064", "113100/999") + e("00081110", "@always()@require()"),
    )  # fmt: skip
    assert first_text(result.data_set, 0x00120063) == "By script"
    assert first_text(result.data_set, 0x00131010) == "TRIAL"
    assert 0x00120021 not in keys_of(result)
    assert result.data_set[0x00081110].items == []
    codes = result.data_set[0x00120064].items
    assert codes is not None
    assert [first_text(item, 0x00080104) for item in codes] == [
        "Basic Application Confidentiality Profile",
        "UNKNOWN",
    ]


def test_private_rule_finds_its_block(tmp_path):
    result = run(tmp_path, e("0009[MAKER]01", "@remove()") + e("0011[OTHER]01", "@quarantine()"))
    assert 0x00091001 not in keys_of(result)
    assert 0x00090010 in keys_of(result)


def test_nothing_after_pixels_is_evaluated_but_removed(tmp_path):
    source = example()
    source.put(0x7FE00010, "OW", b"\0\0")
    source.put(0xFFFCFFFC, "OB", b"\0\0")
    source.put(0x88880010, "LO", b"behind")
    result = run(tmp_path, e("88880010", "changed"), source=source)
    assert text_of(result.data_set[0x88880010]) == "behind"
    assert 0xFFFCFFFC not in keys_of(result)


def test_blanks_and_several_values(tmp_path):
    result = run(tmp_path, e("StudyDescription", "@blank(60)") + e("OperatorsName", "@always()a\\\\b"))
    assert len(result.data_set[0x00081030].value) == 56  # 55 blanks, padded
    assert text_of(result.data_set[0x00081070]) == "a\\b"


def test_script_can_give_an_object_up(tmp_path):
    with pytest.raises(Quarantined):
        run(tmp_path, e("Modality", "@if(this,equals,ct){@quarantine()}"))
    with pytest.raises(Skipped):
        run(tmp_path, e("Modality", "@skip()"))
    with pytest.raises(MissingKey):
        run(tmp_path, e("PatientID", "@lookup(this,ptid)"))
    with pytest.raises(Quarantined, match="holds none"):
        run(tmp_path, e("60003000", "text"))


@pytest.mark.parametrize("ctp", ["safe", "strict"])
def test_uid_that_is_none_is_never_written(tmp_path, ctp):
    """They name files and addresses."""
    with pytest.raises(Refused, match="no valid Study Instance UID"):
        run(tmp_path, e("0020000D", "../@contents(PatientID)"), ctp)


def test_lookup_gives_the_new_patient(tmp_path):
    for ctp in ("strict", "safe"):
        rules = e("PatientID", "@lookup(this,ptid)") + e("PatientName", "@lookup(PatientID,ptid)")
        result = run(tmp_path, rules, ctp, lookup={"ptid/PID-0042": "SUBJ-1"})
        assert (result.patient_id, result.patient_name) == ("SUBJ-1", "SUBJ-1")


# -- safe: laid over a profile ---------------------------------------------------------------------------------------


def test_safe_mode_treats_the_rest_as_the_profile_does(tmp_path):
    result = run(tmp_path, e("StudyDescription", "@keep()") + e("PatientID", "@hash(this,8)"), "safe")
    assert result.patient_id == "31822678"
    assert tag_of("InstitutionName") not in keys_of(result)
    assert text_of(result.data_set[0x00081030]) == "CT CHEST"
    assert first_text(result.data_set, 0x00120062) == "YES"


def test_safe_mode_enters_sequences_with_one_uid_function(tmp_path):
    items = run(tmp_path, e("00081140", "@keep()"), "safe").data_set[0x00081140].items
    assert items is not None
    assert text_of(items[0][0x00081155]) == "1.2.3.198036103932113365185888443753639619099"


def test_safe_mode_moves_all_dates_as_the_script_does(tmp_path):
    source = example(SeriesDate="20240301")
    file = tmp_path / "over.toml"
    (tmp_path / "site.script").write_text(f"<script>{UIDS}{e('StudyDate', '@incrementdate(this,-100)')}</script>")
    file.write_text('title = "over"\nbase = "tcia"\nscript = "site.script"\n')
    result = deidentify(source, ENCODING, load_profile(str(file)), KEYS)
    assert first_text(result.data_set, tag_of("StudyDate")) == "20231121"
    assert first_text(result.data_set, tag_of("SeriesDate")) == "20231122"
    assert result.date_shift_days == -100


def test_safe_mode_follows_rules_for_private_elements(tmp_path):
    rules = e("0009[MAKER]01", "@hash(this,4)") + e("0009[MAKER]02", "plain") + e("0009[MAKER]03", "@remove()")
    source = example()
    for tag in (0x00091002, 0x00091003):
        source.put(tag, "LO", b"inside")
    found = run(tmp_path, rules, "safe", source).data_set
    digits = str(int.from_bytes(hashlib.md5(b"inside", usedforsecurity=False).digest(), "big"))[:4]
    assert [text_of(found[tag]) for tag in (0x00090010, 0x00091001, 0x00091002)] == ["MAKER", digits, "plain"]
    assert 0x00091003 not in found


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"00280303": "@always()MODIFIED"}, "MODIFIED"),
        ({"00280303": "@always()nonsense"}, "REMOVED"),
        ({"StudyDate": "@incrementdate(this,-100)"}, "MODIFIED"),
        ({"StudyDate": "@remove()"}, "REMOVED"),
        (dict.fromkeys(("00080020", "00080021", "00080022", "00080023", "0008002A"), "@keep()"), "UNMODIFIED"),
        ({"StudyDate": "@keep()"}, "MODIFIED"),
    ],
)
def test_safe_mode_says_what_became_of_dates(tmp_path, rules, said):
    found = run(tmp_path, "".join(e(tag, text) for tag, text in rules.items()), "safe").data_set
    assert first_text(found, 0x00280303) == said


def test_safe_mode_removes_curves_and_overlays(tmp_path):
    result = run(tmp_path, r("curves") + r("overlays"), "safe")
    assert not keys_of(result) & {0x60003000, 0x50000010}


@pytest.mark.parametrize("ctp", ["safe", "strict"])
def test_new_uids_are_told_for_the_crosswalk(tmp_path, ctp):
    result = run(tmp_path, e("PatientID", "SUBJECT"), ctp)
    told = {"1.2.840.113619.2.1.1.1": result.sop_uid, "1.2.840.113619.2.1": result.study_uid}
    assert told.items() <= result.uid_map.items()


def test_safe_mode_gives_up_what_cannot_be_moved(tmp_path):
    with pytest.raises(Quarantined, match="date"):
        run(tmp_path, e("StudyDate", "@incrementdate(this,x)"), "safe")
    kept = run(tmp_path, e("StudyDate", "@incrementdate(this,x)"))
    assert len(kept.data_set[0x00080020].value) == 0


def test_safe_mode_refuses_a_kept_patient(tmp_path):
    with pytest.raises(ProfileError, match=r"site\.script, line \d+: an object needs"):
        run(tmp_path, e("PatientName", "@keep()"), "safe")


def test_pixels_are_cleaned_in_safe_mode_and_looked_at_in_strict(tmp_path):
    (tmp_path / "s.script").write_text("<script/>")
    (tmp_path / "t.toml").write_text('title = "t"\nbase = "tcia"\nscript = "s.script"\n[settings]\nctp = "strict"\n')
    assert load_profile(str(tmp_path / "s.script")).settings.pixels == "clean"
    assert load_profile(str(tmp_path / "s.script"), None, "strict").settings.pixels == "detect"
    assert load_profile(str(tmp_path / "t.toml")).settings.pixels == load_profile("tcia").settings.pixels
    assert load_profile(str(tmp_path / "t.toml")).strict is not None


def test_kept_technical_group_is_excused_from_the_second_reader(tmp_path):
    (tmp_path / "s.script").write_text('<script><k en="T" t="0018"/><k en="T" t="0010"/></script>')
    kept = kept_by(load_profile(str(tmp_path / "s.script"), None, "strict"))
    assert tag_of("DeviceSerialNumber") in kept
    assert tag_of("PatientID") not in kept
    assert tag_of("DeviceSerialNumber") not in kept_by(load_profile(str(tmp_path / "s.script")))


def test_strict_profile_shows_the_scripts_rules_alone(tmp_path):
    (tmp_path / "s.script").write_text(f"<script>{e('PatientID', '@hash(this)')}{r('overlays')}{r('curves')}</script>")
    shown = {rule.match: rule.code for rule in load_profile(str(tmp_path / "s.script"), None, "strict").rules()}
    assert shown == {"00100020": "ctp", "60XXXXXX": "X", "50XXXXXX": "K", "private": "K", "XXXXXXXX": "K"}


def test_mode_changes_the_version(tmp_path):
    (tmp_path / "s.script").write_text("<script/>")
    name = str(tmp_path / "s.script")
    assert load_profile(name, None, "strict").version != load_profile(name).version
    with pytest.raises(ProfileError, match="no CTP script"):
        load_profile("tcia", None, "strict")


def test_private_elements_get_the_vr_of_their_dictionary(tmp_path):
    source = example()
    source.put(0x00190010, "LO", b"SIEMENS MR HEADER")
    source.put(0x0019100C, "IS", b"5 ")
    source.put(0x00191077, "UN", b"secret")
    found = run(
        tmp_path,
        e("0019[SIEMENS MR HEADER]0C", "1000") + e("0019[SIEMENS MR HEADER]77", "x") + e("00130010", "@always()CTP")
        + e("00131010", "@always()" + "y" * 70) + e("00091001", "@contents(root:0019[SIEMENS MR HEADER]0C)"),
        source=source,
    ).data_set  # fmt: skip
    assert [found[tag].vr for tag in (0x0019100C, 0x00191077, 0x00130010, 0x00131010)] == ["IS", "LO", "LO", "LT"]
    assert text_of(found[0x00091001]) == "5"


def test_safe_private_elements_are_those_of_the_lists(tmp_path):
    source = example()
    source.put(0x00190010, "LO", b"SIEMENS MR HEADER")
    source.put(0x0019100C, "IS", b"5 ")
    source.put(0x00191077, "LO", b"secret")
    found = keys_of(run(tmp_path, r("privategroups") + '<k en="T" t="safeprivateelements"/>', source=source))
    assert {tag for tag in found if tag & 0x10000} == {0x00090010, 0x00190010, 0x0019100C}


PIXEL_RULE = '<e en="T" t="7FE00010">@remove()</e>'


def test_rules_for_pixels_and_file_meta_change_nothing(tmp_path):
    source = example()
    source.put(0x7FE00010, "OW", b"\1\2")
    found = run(tmp_path, PIXEL_RULE + e("00020013", "@always()x"), source=source).data_set
    assert bytes(found[0x7FE00010].value) == b"\1\2"
    assert min(found) >> 16 > 2


def test_method_codes_follow_ctp_in_strict_mode(tmp_path):
    once = run(tmp_path, e("00120064", "113100/RESET/113110/9")).data_set
    items = once[0x00120064].items
    assert items is not None
    assert [first_text(item, 0x00080104) for item in items] == ["Retain UIDs", "UNKNOWN"]
    assert 0x00120064 not in run(tmp_path, e("00120064", "")).data_set


def test_values_lose_the_blanks_around_them(tmp_path):
    found = run(
        tmp_path, '<p t="WIDE">  a b  </p>' + e("PatientID", "@param(@WIDE)") + e("StudyDescription", "@blank(x3)")
    )
    assert bytes(found.data_set[0x00100020].value) == b"a b "
    assert bytes(found.data_set[0x00081030].value) == b"    "


@pytest.mark.parametrize(
    ("ctp", "charset", "becomes"),
    [
        ("safe", "ISO_IR 100", "ISO_IR 100"),
        ("strict", "ISO_IR 100", "ISO_IR 100"),
        ("safe", "ISO_IR 126", "ISO_IR 192"),
    ],
)
def test_new_text_stands_in_the_objects_character_set(tmp_path, ctp, charset, becomes):
    rules = e("PatientID", "Pr\xfcf-1") + e("PatientName", "@lookup(PatientID,ptid)") + e("StudyDescription", "\xc4")
    source = example(SpecificCharacterSet=charset)
    found = run(tmp_path, rules, ctp, source, {"ptid/PID-0042": "\xd6"}).data_set
    kept = charset_of(found)
    assert [first_text(found, tag, kept) for tag in (0x00100020, 0x00100010, 0x00081030)] == [
        "Pr\xfcf-1",
        "\xd6",
        "\xc4",
    ]
    assert first_text(found, 0x00080005) == becomes


@pytest.mark.parametrize(
    ("charset", "raw"),
    [
        ("ISO_IR 126", b"?\xc1 ?"),
        ("ISO_IR 100", b"\xfc? ?"),
        ("ISO 2022 IR 6\\ISO 2022 IR 126", b"?\x1b-F\xc1 ?"),
        ("ISO_IR 192", "\xfc\u0391 \u738b".encode()),
    ],
)
def test_letters_that_do_not_fit_are_question_marks_in_strict_mode(tmp_path, charset, raw):
    source = example(SpecificCharacterSet=charset)
    found = run(tmp_path, e("StudyDescription", "\xfc\u0391 \u738b"), source=source).data_set
    assert bytes(found[0x00081030].value).rstrip() == raw
    assert first_text(found, 0x00080005) == charset.split("\\")[0]


def test_text_for_numbers_leaves_them_in_strict_mode(tmp_path):
    rules = e("InstanceNumber", "x") + e("00280010", "many") + e("00280011", "@always()many") + e("00281055", "7")
    source = example(InstanceNumber="3 ")
    source.put(0x00280010, "US", b"\0\2")
    result = run(tmp_path, rules, source=source)
    assert bytes(result.data_set[0x00280010].value) == b"\0\2"
    assert 0x00280011 not in result.data_set
    assert text_of(result.data_set[0x00200013]) == "x"  # which is text, whatever it means
    assert {change.path for change in result.report} & {"00280010", "00200013"} == {"00200013"}
    with pytest.raises(Quarantined, match="no room"):
        run(tmp_path, e("00280010", "70000"), source=source)
    assert bytes(run(tmp_path, e("00280010", "1_0"), source=source).data_set[0x00280010].value) == b"\0\2"
    with pytest.raises(Quarantined, match="holds none"):  # bytes are no text
        run(tmp_path, e("00420011", "@always()@contents(PatientName)"))


def test_private_rules_go_by_the_blocks_of_the_object(tmp_path):
    """In sequences too, where CTP does not look which blocks an item has."""
    rules = e("00081140", "@process()") + e("0009[MAKER]01", "@remove()") + e("0009[MAKER]02", "@always()new")
    rules += '<e en="F" t="0009[MAKER]01" n="Mine"/>' + e("00081155", "@contents(Mine)-@contents(0009[MAKER]01)")
    source = example()
    (item,) = source[0x00081140].items or [DataSet()]
    item.put(0x00090010, "LO", b"OTHER")
    item.put(0x00090011, "LO", b"MAKER")
    item.put(0x00091001, "LO", b"of another")
    item.put(0x00091101, "LO", b"of its own")
    result = run(tmp_path, rules, source=source).data_set
    (inner,) = result[0x00081140].items or [DataSet()]
    assert {tag for tag in inner if tag & 0x10000} == {0x00090010, 0x00090011, 0x00091101}
    assert text_of(inner[0x00081155]) == "of another-of its own"  # by its name, and by its owner
    assert 0x00091001 not in result
    assert text_of(result[0x00091002]) == "new"


def test_emptied_private_element_is_text_as_in_ctp(tmp_path):
    source = example()
    source.put(0x00091002, "FD", bytes(8))
    found = run(tmp_path, e("00091002", "@empty()") + e("00091001", "@empty()"), source=source).data_set
    assert [(found[tag].vr, bytes(found[tag].value)) for tag in (0x00091001, 0x00091002)] == [("LO", b"")] * 2


def test_only_plain_removal_is_followed_behind_the_pixels(tmp_path):
    source = example()
    source.put(0x7FE00010, "OW", b"\0\0")
    source.put(0x88880010, "LO", b"behind")
    source.put(0x88880011, "LO", b"behind")
    rules = e("88880010", "@if(this,exists){@remove()}{}") + e("88880011", "@remove()")
    assert {tag for tag in run(tmp_path, rules, source=source).data_set if tag > 0x7FE00010} == {0x88880010}


def test_sequence_that_is_not_there_cannot_be_entered(tmp_path):
    with pytest.raises(Quarantined, match="not there"):
        run(tmp_path, e("00120063", "@always()@process()"))
    assert run(tmp_path, e("00120064", "@always()@require()")).data_set[0x00120064].items == []


@pytest.mark.parametrize("ctp", ["safe", "strict"])
def test_expression_without_end_is_told_by_element_and_line(tmp_path, ctp, monkeypatch):
    monkeypatch.setattr("pacs.deid.ctp.patterns.LONGEST_S", 0.02)
    rule = "\n" + e("StudyDescription", '@if(this,matches,"(.*?,){25}P"){a}{b}')
    with pytest.raises(Quarantined) as told:
        run(tmp_path, rule, ctp, example(StudyDescription="17," * 60))
    assert "took longer than" in str(told.value)
    assert "line 7, for element (0008,1030)" in str(told.value)
    assert "17" not in str(told.value)


def test_kept_patient_is_taken_by_strict_mode_alone(tmp_path):
    assert run(tmp_path, e("PatientID", "@keep()")).patient_id == "PID-0042"
    with pytest.raises(ProfileError, match="mode strict"):
        run(tmp_path, e("PatientID", "@keep()"), "safe")


def test_converted_script_does_the_same(tmp_path):
    body = e("PatientID", "@hash(this,10)") + e("StudyDate", "@incrementdate(this,-10)") + e("00081140", "@keep()")
    (tmp_path / "site.toml").write_text(profile_of_script(read_script(f"<script>{UIDS}{body}</script>".encode(), "s")))
    converted = load_profile(str(tmp_path / "site.toml"))
    same = deidentify(example(), ENCODING, converted, KEYS).data_set
    found = run(tmp_path, body, "safe").data_set
    assert {tag for tag in found if found[tag].value != same[tag].value} <= {0x00120063}  # which names the profile
    assert load_profile(str(tmp_path / "site.script")).settings == converted.settings


def test_conversion_names_private_elements_by_their_owners():
    rules = '<e en="T" t="0009[MAKER]01" n="Site">x</e>' + e("PatientID", "Site-@contents( Site )@hash(Site,4)")
    text = profile_of_script(read_script(f"<script>{rules}</script>".encode(), "s"))
    assert 'value = "Site-@contents( 0009[MAKER]01 )@hash(0009[MAKER]01,4)"' in text


# -- files -----------------------------------------------------------------------------------------------------------


def test_properties_form_says_the_same():
    script = read_script(
        b"# a comment\nparam.SITE = 001\nset.[0010,0020]PatientID=@hashptid(@SITE,this)\n"
        b"#set.[0010,0010]PatientName=x\n"
        b"set.[0009,[MAKER]01]Inside=@remove()\nkeep.group0018=\nkeep.safeprivateelements=\nremove.curves=\n",
        "old.properties",
    )
    assert script.params == {"SITE": "001"}
    assert [(hex(tag), rule.text, rule.line) for tag, rule in script.rules.items()] == [
        ("0x100020", "@hashptid(@SITE,this)", 3)
    ]
    assert list(script.private) == [(0x0009, "MAKER", 0x01)]
    assert script.keep_groups == {0x18}
    assert script.removals == {"curves"}
    assert script.keep_safe_private


RULE = '<e en="T" t="00100020" n="x">N\xc9W</e>'


@pytest.mark.parametrize(
    "content",
    [
        f"\ufeff<script>{RULE}</script>".encode(),
        f'<?xml version="1.0" encoding="UTF-16"?><script>{RULE}</script>'.encode("utf-16"),
        f'<?xml version="1.0" encoding="ISO-8859-1"?>\r\n<script>{RULE}</script>'.encode("latin-1"),
        f"<!-- old --><script>\r\n\r\n{RULE}</script>".encode(),
        "\ufeffset.[0010,0020]PatientID = N\xc9W\r\n".encode(),
        b"set.[0010,0020]PatientID=N\\\n   \\u00c9W\nkeep.group18=\n",
    ],
    ids=["BOM", "UTF-16", "Latin-1", "CRLF", "properties", "continued"],
)
def test_files_are_read_in_any_encoding(content: bytes):
    assert read_script(content, "x.script").rules[0x00100020].text == "N\xc9W"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('<script>\n<e en="T" t="00100010">@hsah(this)</e></script>', "line 2: there is no function @hsah"),
        ('<script><r en="T" t="everything"/></script>', "line 1: 'everything' cannot be removed"),
        ("<script><x/></script>", "there is no <x>"),
        ("<script><p>", "no well-formed XML"),
        ('<!DOCTYPE script [<!ENTITY a "b">]><script/>', "declares no entities"),
        ('<script><e en="T" t="0010">@keep()</e></script>', "is no tag"),
        ("<anonymizer/>", "the root"),
        ("remove.all=\n", "line 1: 'all' cannot be removed"),
        ("bogus=1\n", "is no setting"),
    ],
)
def test_faulty_scripts_are_refused(text: str, told: str):
    with pytest.raises(ProfileError) as fault:
        read_script(text.encode(), "x.script")
    assert told in str(fault.value)


def test_lookup_tables_of_both_forms():
    assert read_lookup("# old\nptid/A\\ B\\:1=SUBJ-1\nshift/A = -10\n", is_csv=False) == {
        "ptid/A B:1": "SUBJ-1",
        "shift/A": "-10",
    }
    assert read_lookup("ptid/A\u0085B=1\r  ptid/C : x\u2028y\r\n", is_csv=False) == {
        "ptid/A\u0085B": "1",
        "ptid/C": "x\u2028y",
    }
    assert read_lookup("A,SUBJ-1\nshift/A,-10\n", is_csv=True, default_type="ptid") == {
        "ptid/A": "SUBJ-1",
        "shift/A": "-10",
    }
    with pytest.raises(BadRequest, match="line 2"):
        read_lookup("ptid/A,1\nptid/A,2\n", is_csv=True)
