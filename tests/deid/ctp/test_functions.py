"""Expressions of CTP's scripts: each value here was produced by RSNA CTP."""

import struct
from datetime import UTC, datetime

import pytest

from pacs.deid.ctp.expressions import Names, parse_expression
from pacs.deid.ctp.functions import evaluate
from pacs.deid.ctp.scope import MissingKey, Outside, Quarantined, Scope, Skipped
from pacs.dicom.dictionary import tag_of, vr_of
from pacs.dicom.elements import DataSet, Element
from pacs.dicom.syntaxes import EXPLICIT_LE, encoding_of
from pacs.dicom.values import charset_of
from pacs.errors import ProfileError

ENCODING = encoding_of(EXPLICIT_LE)
PARAMS = {"UIDROOT": "1.2.3.4.5", "SITE": "001", "DATEINC": "-100", "KEY": "secret", "SHORTNAME": "TRIAL"}
LOOKUP = {
    "ptid/PID-0042": "SUBJ-1",
    "shift/PID-0042": "-10",
    "base/PID-0042": "1/15/2024",
    "a/PID-0042": "@ptid/PID-0042",
}
VALUES = {
    "PatientName": "Doe^John^Q",
    "PatientID": "PID-0042",
    "AccessionNumber": "ACC123",
    "Modality": "CT",
    "PatientSex": "M",
    "PatientAge": "064Y",
    "StudyDate": "20240229",
    "StudyInstanceUID": "1.2.840.113619.2.1",
    "SeriesInstanceUID": "1.2.840.113619.2.1.1",
    "SOPInstanceUID": "1.2.840.113619.2.1.1.1",
    "OperatorsName": "Op^One\\Op^Two",
    "SeriesDescription": "/a/b/c/file",
    "AcquisitionDateTime": "20240229101112.5+0100",
    "ContentDate": "2024-02-29",
    "DateOfLastCalibration": "20240115\\20240216",
    "StudyTime": "",
    "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
    "ReferringPhysicianName": "Who^Ever^^^",
}
ROOT = "1.2.840.113654.2.70.1"


def example() -> DataSet:
    found = DataSet()
    for keyword, value in VALUES.items():
        found.put(tag_of(keyword), vr_of(tag_of(keyword)), value.encode())
    item = DataSet()
    item.put(0x00080100, "SH", b"CODE")
    found[0x00081032] = Element(0x00081032, "SQ", b"", [item])
    found.put(0x00280010, "US", b"\x00\x02")
    found.put(0x00189073, "FL", struct.pack("<f", 0.1))
    found.put(0x00090010, "LO", b"MAKER")
    found.put(0x00091001, "LO", b"inside")
    return found


def said(
    text: str, this: str = "PatientID", *, strict: bool = True, counters: dict[tuple[str, str], int] | None = None
) -> str:
    data_set = example()
    counted = {} if counters is None else counters

    def integer(kind: str, value: str) -> int:
        return counted.setdefault((kind, value), 1 + sum(1 for known, _ in counted if known == kind))

    expressions = {tag_of("PatientID"): parse_expression("@hashptid(@SITE,this,10)", NAMES, "test")}
    outside = Outside(LOOKUP, integer, lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    scope = Scope(
        data_set, data_set, DataSet(), ENCODING, tag_of(this), charset_of(data_set), PARAMS, outside,
        expressions.get, strict,
    )  # fmt: skip
    return evaluate(parse_expression(text, NAMES, "test, line 1"), scope)


NAMES = Names({"MakerValue": (0x0009, "MAKER", 0x01)}, frozenset(PARAMS))


@pytest.mark.parametrize(
    ("this", "expression", "expected"),
    [
        ("PatientID", r'@contents(this,"([A-Z]+)-(\\d+)","$2_$1")', "0042_PID"),
        ("PatientID", "@param(@SITE)", "001"),
        ("PatientID", "@param(SITE)", "SITE"),
        ("PatientID", "@param(@NOBODY)", "null"),
        ("PatientID", "@hash(this)", "318226789391769361700511293307361690992"),
        ("PatientID", "@hash(this,8)", "31822678"),
        ("PatientID", "@hash(AccessionNumber,16)", "1041483139756610"),
        ("PatientID", "@hashptid(@SITE,this)", "231913721316736287430932386139345100419"),
        ("PatientID", "@hashptid(@SITE,this,10)", "2319137213"),
        ("PatientName", "@hashname(this,6,2)", "767339"),
        ("PatientName", "@hashname(this,6)", "274815"),
        ("StudyDate", "@hashdate(StudyDate,PatientID)", "20210612"),
        ("StudyDate", "@incrementdate(this,@DATEINC)", "20231121"),
        ("StudyDate", "@incrementdate(this,366)", "20250301"),
        ("StudyDate", "@incrementdate(this,PatientID,shift)", "20240219"),
        ("ContentDate", "@incrementdate(this,-1)", "2024-02-28"),
        ("StudyDate", "@modifydate(this,*,*,1)", "20240201"),
        ("StudyDate", "@modifydate(this,*,2,31)", "20240302"),
        ("StudyDate", "@dateinterval(this,base,PatientID)", "45"),
        ("StudyDate", "@dateinterval(this,base,PatientID,20000101)", "20000215"),
        ("StudyDate", "@date(-)T@time(:)", "2026-01-02T03:04:05"),
        ("PatientAge", "@round(this,5)", "065Y"),
        ("PatientAge", "@round(this,10)", "060Y"),
        ("PatientAge", "@round(this,3)", "063Y"),
        ("PatientName", "@initials(this)", "JQD"),
        ("PatientName", "@initials(this,1)", "KRE"),
        ("PatientName", "@initials(StudyDate,9)", "1"),
        ("PatientID", "@lookup(this,ptid)", "SUBJ-1"),
        ("PatientID", "@lookup(this,a)", "SUBJ-1"),
        ("PatientID", "@lookup(AccessionNumber,ptid,keep)", "@keep()"),
        ("PatientID", '@lookup(AccessionNumber,ptid,default,"none")', "none"),
        ("PatientID", '@lookup(AccessionNumber,ptid,ignore,"ACC.*")', "ACC123"),
        ("PatientID", "@integer(this,ptid,5)", "00001"),
        ("PatientID", "@truncate(this,-2)", "42"),
        ("PatientID", "@truncate(this,3)", "PID"),
        ("SeriesDescription", "@pathelement(this,1)", "a"),
        ("SeriesDescription", "@pathelement(this,-1)", "file"),
        ("SeriesDescription", "@pathelement(this,9)", "/a/b/c/file"),
        ("OperatorsName", "@append(){Added^Name}", "Op^One\\Op^Two\\Added^Name"),
        ("PatientID", "@param(@SHORTNAME)-@hashptid(@SITE,this,10)", "TRIAL-2319137213"),
        ("PatientID", "user@host", "user"),
        ("PatientID", "@lowercase(Modality)@uppercase(this)", "ctPID-0042"),
        ("PatientID", "@if(this,contains,pid){yes}{no}", "yes"),
        ("PatientID", "@if(this,equals,pid-0042){yes}", "yes"),
        ("PatientID", "@if(this,matches,pid.*){yes}{no}", "no"),
        ("PatientID", "@if(PatientComments,isblank){@remove()}{@keep()}", "@remove()"),
        ("PatientID", "@if(PatientComments,exists){yes}", ""),
        ("PatientAge", "@if(this,greaterthan,63){old}{young}", "old"),
        ("PatientID", "@select(){root}{item}", "root"),
        ("PatientID", "@value(PatientComments,nothing)", "nothing"),
        ("PatientID", "@contents(ProcedureCodeSequence::CodeValue)", "CODE"),
        ("PatientID", "@contents((0010,0020))@contents([00080060])", "PID-0042CT"),
        ("PatientID", "@contents(OperatorName)", "Op^One\\Op^Two"),
        ("PatientID", "@contents(Rows)", "512"),
        ("PatientID", "@contents(MakerValue)@contents(0009[MAKER]01)", "insideinside"),
        ("PatientID", r"a\@keep(\)", "a@keep()"),
        ("PatientComments", "@hash(this)", "@remove()"),
        ("PatientComments", "@require(PatientID)", "PID-0042"),
        ("PatientID", "@require(PatientName)", "@keep()"),
        ("PatientID", "@contents(0010,0020)@contents(root:0010,0020)", "PID-0042PID-0042"),
        ("PatientID", "@contents(ProcedureCodeSequence::0008,0100)", "CODE"),
        ("PatientID", '@if(Modality,equals,"CT"){a "}" b}{c}', 'a "}" b'),
        ("PatientID", "@if(Modality,equals,CT) then {a} else {b} end", "a end"),
        ("PatientID", "@if(Modality,equals,CT){a} and nothing after a block that is missing", "a"),
        ("PatientID", "@if(PatientComments,equals){a}{b}", "b"),
        ("PatientID", "@if(PatientAge,greaterthan,none){a}{b}", "a"),
        ("PatientID", r'@contents(this,"\\p{Upper}+(?<!P)","x")', "x-0042"),
        ("PatientID", r'@contents(this,"\\Q-00\\E")', "PID42"),
        ("PatientID", r'@contents(this,"(?<a>\\d)\\k<a>")', "PID-42"),
        ("DateOfLastCalibration", "@modifydate(this,*,*,1)", "20240101\\20240201"),
        ("DateOfLastCalibration", "@incrementdate(this,10)", "20240125\\20240226"),
        ("ContentDate", "@modifydate(this,2020,-1,1)", "2020-02-01"),
        ("StudyTime", "@hash(this,8)", "28194976"),  # an empty element is there: the digest of nothing
        ("StudyTime", "@incrementdate(this,1)", "@empty()"),
        ("StudyTime", "@round(this,5)", "@empty()"),
        ("StudyTime", "@require(PatientID)", "@keep()"),
        ("PatientComments", "@require(StudyTime,other)", ""),
        ("PatientComments", "@hashname(this,4)", "2819"),
        ("StudyDate", "@hashdate(this,PatientComments)", "@remove()"),
        ("PatientID", "@truncate(this,all)", "PID-0042"),
        ("SeriesDescription", "@pathelement(this,none)", "/a/b/c/file"),
        ("ReferringPhysicianName", "@contents(this)", "Who^Ever"),
        ("SliceLocation", "@contents(00189073)", "0.1"),
    ],
)  # fmt: skip
def test_function_says_what_ctp_says(this: str, expression: str, expected: str) -> None:
    assert said(expression, this) == expected


@pytest.mark.parametrize(
    ("root", "uid", "expected"),
    [
        ("1.2.3", "SOPInstanceUID", "1.2.3.4076106259240508445594916332682190223"),
        (ROOT, "SOPInstanceUID", f"{ROOT}.4076106259240508445594916332682190223"),
        (
            "1.3.6.1.4.1.14519.5.2.1.9999.9999",
            "SOPInstanceUID",
            "1.3.6.1.4.1.14519.5.2.1.9999.9999.407610625924050844559491633268",
        ),
        (ROOT, "StudyInstanceUID", f"{ROOT}.93082845735586436564581401209845601688"),
    ],
)
def test_uids_are_hashed_below_the_root(root: str, uid: str, expected: str) -> None:
    assert said(f"@hashuid({root},{uid})") == expected


def test_uid_hash_can_include_another_rule() -> None:
    expected = "1.2.3.4.5.39121008679851328492082302133214101"
    assert said("@hashuid(@UIDROOT,this,PatientID)", "StudyInstanceUID") == expected


def test_registered_uids_stay_in_safe_mode() -> None:
    assert said("@hashuid(1.2,SOPClassUID)", strict=False) == VALUES["SOPClassUID"]
    assert said("@hashuid(1.2,SOPClassUID)") != VALUES["SOPClassUID"]


def test_uid_hash_includes_nothing_without_a_rule() -> None:
    assert said("@hashuid(1.2,StudyInstanceUID,Modality)") == said("@hashuid(1.2,StudyInstanceUID)")


def test_nothing_is_made_of_empty_elements_in_safe_mode() -> None:
    for expression in ("@hash(StudyTime)", "@hashname(StudyTime,4)", "@hashuid(1.2,StudyTime)"):
        assert said(expression, strict=False) == "@remove()"
    with pytest.raises(Quarantined):
        said("@integer(StudyTime,k)", strict=False)


def test_counters_tell_texts_apart() -> None:
    counters: dict[tuple[str, str], int] = {}
    assert said("@integer(this,ptid,5)", counters=counters) == "00001"
    assert said("@integer(PatientName,ptid,5)", counters=counters) == "00002"
    assert said("@integer(this,ptid,5)", counters=counters) == "00001"


def test_ciphers_are_those_of_ctp() -> None:
    from pacs.deid.ctp.digests import decrypted, encrypted

    assert encrypted("call 555-1234", "secret") == "8sDGm+sYGQDMI50v+YWczw=="
    assert decrypted("8sDGm+sYGQDMI50v+YWczw==", "secret") == "call 555-1234"


def test_zone_makes_a_date_time_empty_in_strict_mode_only() -> None:
    expression = "@incrementdate(this,-1)"
    assert said(expression, "AcquisitionDateTime") == "@empty()"
    assert said(expression, "AcquisitionDateTime", strict=False) == "20240228101112.5+0100"


@pytest.mark.parametrize(
    ("this", "expression", "expected"),
    [
        ("StudyInstanceUID", "@hashuid(@NOBODY,this)", "(@NOBODY,this)"),
        ("PatientComments", "@hashuid(@NOBODY,this)", "@remove()"),
        ("PatientID", '@hash("this", @NOBODY)', '("this",@NOBODY)'),
        ("PatientID", "@hashptid(@NOBODY,this,8)", "95949230"),  # of []PID-0042
        ("PatientName", "@hashname(this,@NOBODY)", "2748"),
        ("PatientAge", "@round(this,@NOBODY)", "(this,@NOBODY)"),
        ("PatientAge", "@round(this,x)", "(this,x)"),
        ("PatientAge", "@round(this,0)", "0Y"),
        ("PatientSex", "@round(this,5)", "(this,5)"),
        ("PatientSex", "a@round((0010,0040),5)b", "a((0010,0040),5)b"),
        ("StudyTime", "@round(this,5)", "@empty()"),
        ("StudyDate", "@incrementdate(this,@NOBODY)", "@empty()"),
        ("StudyDate", "@incrementdate(this,many)", "@empty()"),
        ("StudyDate", "@incrementdate(this,AccessionNumber,shift)", "@empty()"),
        ("StudyDate", "@modifydate(this,@NOBODY,*,1)", "@empty()"),
        ("Modality", "@incrementdate(this,1)", "@empty()"),
        ("AccessionNumber", "@decrypt(this,@KEY)", "(this,@KEY)"),
        ("StudyTime", "@decrypt(this,@KEY)", ""),
        ("PatientID", "@value(PatientComments,@NOBODY)", "@NOBODY"),
        ("PatientID", '@contents(this,"-","@NOBODY")', "PID@NOBODY0042"),
        ("PatientID", "@lookup(AccessionNumber,ptid,default,@NOBODY)", "@NOBODY"),
        ("PatientID", "@if(this,contains,@NOBODY){a}{b}", "b"),
        ("PatientID", "@truncate(this,@NOBODY)", "PID-0042"),
    ],
)
def test_call_that_fails_says_what_ctp_says(this: str, expression: str, expected: str) -> None:
    assert said(expression, this) == expected


@pytest.mark.parametrize(
    ("this", "expression"),
    [
        ("StudyDate", "@dateinterval(Modality,base,PatientID)"),
        ("StudyDate", "@dateinterval(this,base,PatientID,@NOBODY)"),
        ("AccessionNumber", "@decrypt(this,secret)"),  # whose text would tell the key
        ("AccessionNumber", "@encrypt(this,@NOBODY)"),  # with a key that everybody knows
        ("PatientID", "@lookup(AccessionNumber,ptid,KEEP)"),
    ],
)
def test_some_calls_that_fail_give_the_object_up(this: str, expression: str) -> None:
    with pytest.raises((Quarantined, MissingKey)):
        said(expression, this)


@pytest.mark.parametrize(
    ("this", "expression"),
    [
        ("StudyInstanceUID", "@hashuid(@NOBODY,this)"),
        ("PatientID", "@hashptid(@NOBODY,this)"),
        ("PatientAge", "@round(this,0)"),
        ("AccessionNumber", "@decrypt(this,@KEY)"),
        ("StudyDate", "@incrementdate(this,@NOBODY)"),
    ],
)
def test_safe_mode_gives_up_where_a_call_fails(this: str, expression: str) -> None:
    with pytest.raises(Quarantined):
        said(expression, this, strict=False)


def test_missing_entry_is_told_by_its_type() -> None:
    with pytest.raises(MissingKey) as missing:
        said("@lookup(AccessionNumber,ptid)")
    assert missing.value.key_type == "ptid"
    assert "ACC123" not in str(missing.value)


def test_script_can_skip_and_give_up() -> None:
    with pytest.raises(Skipped):
        said("@if(Modality,equals,ct){@skip()}")
    with pytest.raises(Quarantined):
        said("@quarantine()")


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("@hashiud(@UIDROOT,this)", "did you mean @hashuid?"),
        ("@contents(PatientNmae)", "did you mean 'PatientName'?"),
        ("@contents(this", "no closing parenthesis"),
        ("@if(this,isblnak){x}", "did you mean 'isblank'?"),
        ("@if(this,isblank){x", "no closing brace"),
        ("@hashuid(@UIDROOT)", "wants 2 arguments"),
        ("@call(plugin,x)", "plugin"),
        ("@select(){" * 51 + "}" * 51, "more than 50 deep"),
        ('@contents(this,"(")', "no regular expression"),
        (r'@if(this,matches,"\\p{Greek}"){x}', "no regular expression: the class Greek"),
        ("@lookup(this,ptid,ignore,*)", "no regular expression"),
    ],
)
def test_faults_are_told_at_load(expression: str, told: str) -> None:
    with pytest.raises(ProfileError, match="test, line 1: ") as fault:
        said(expression)
    assert told in str(fault.value)
