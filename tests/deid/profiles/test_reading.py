"""Every fault of a profile file is named with its line, its key and the nearest valid word."""

import pytest

from pacs.deid.profiles.reading import read_profile
from pacs.deid.profiles.rules import canonical_match
from pacs.errors import ProfileError

GOOD = 'title = "t"\n\n[[rule]]\nmatch = "PatientName"\naction = "remove"\nreason = "r"\n'


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("remove", "remvoe"), ["line 5", "'action'", "'remove'"]),
        (("PatientName", "PatientNam"), ["line 4", "'match'", "'PatientName'"]),
        (("reason", "raeson"), ["line 6", "'raeson'", "'reason'"]),
        (("title", "titel"), ["line 1", "'titel'", "'title'"]),
        (('reason = "r"', 'reason = "r"\noption = "retain_uid"'), ["line 7", "'option'", "'retain_uids'"]),
        (("\n\n[[rule", '\noptions = ["clean_descriptor"]\n[[rule'), ["line 2", "'options'", "'clean_descriptors'"]),
        (("\n\n[[rule", '\n[settings]\npixels = "claen"\n[[rule'), ["line 3", "'pixels'", "'clean'"]),
        (("\n\n[[rule", '\n[settings]\npixel = "clean"\n[[rule'), ["line 3", "'pixel'", "'pixels'"]),
        (('"PatientName"', '["PatientName", "vr:QQ"]'), ["line 4", "'match'", "'QQ'"]),
        (('"PatientName"', "7"), ["line 4", "'match'", "text"]),
        (('reason = "r"', ""), ["line 3", "'reason'", "missing"]),
        (('action = "remove"', 'action = "set"'), ["line 5", "'value'", "set"]),
        (('action = "remove"', 'action = "remove"\nvalue = "x"'), ["'value'", "set"]),
        (('"t"', "7"), ["line 1", "'title'", "text"]),
        (("[[rule]]", "[rule]"), ["'rule'", "[[rule]]"]),
        (('title = "t"', ""), ["'title'", "missing"]),
        (('"remove"', '"remove'), ["line 5"]),
        (('"PatientName"', '"SOPInstanceUID"'), ["line 5", "'action'", "(0008,0018)"]),
        (('"remove"', '"keep"'), ["line 5", "(0010,0010)", "empty"]),
        (('"PatientName"', '"PatientID"'), ["line 5", "(0010,0020)", "empty"]),
        (('"PatientName"', '"RequestAttributesSeqence.*"'), ["line 4", "'RequestAttributesSequence'"]),
        (('"PatientName"', '"PixelData"'), ["line 5", "(7FE0,0010)"]),
        (('"PatientName"\naction = "remove"', '"StudyDate"\naction = "set"\nvalue = "hello"'), ["'action'", "VR DA"]),
        (('"PatientName"\naction = "remove"', '"PatientComments"\naction = "shift"'), ["'action'", "VR LT"]),
        (('"PatientName"', '"PatientName.*"'), ["'action'", "no sequence"]),
        (('"t"', '"t\\u0000"'), ["line 1", "control characters"]),
    ],
)
def test_fault_is_named(change, named):
    with pytest.raises(ProfileError) as caught:
        read_profile(GOOD.replace(change[0], change[1], 1), "site")
    for word in ("site", *named):
        assert word in str(caught.value)


def test_fault_in_second_rule_has_its_line():
    with pytest.raises(ProfileError, match="line 9"):
        read_profile(GOOD + '[[rule]]\nmatch = "PatientID"\naction = "wipe"\nreason = "r"\n', "site")


def test_second_rule_for_the_same_match_is_refused():
    second = '[[rule]]\nmatch = "(0010,0010)"\naction = "empty"\nreason = "r"\n'
    with pytest.raises(ProfileError, match=r"line 8.*already, in line 4"):
        read_profile(GOOD + second, "site")


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("PatientName", "00100010"),
        ("(0010,0010)", "00100010"),
        ("0010,0010", "00100010"),
        ("60xx3000", "60XX3000"),
        ("vr:PN", "vr:PN"),
        ('(0019,"GEMS_ACQU_01",24)', '0019,"GEMS_ACQU_01",24'),
        ('0019,"Gems_Acqu_01 ",xx24', '0019,"GEMS_ACQU_01",24'),
        ("private:Philips  Imaging DD 001", "private:PHILIPS IMAGING DD 001"),
        ("RequestAttributesSequence.*", "00400275.*"),
        ("RequestAttributesSequence.ScheduledProcedureStepID", "00400275.00400009"),
        ('2005,"Philips MR. DD 005",0E.PatientID', '2005,"PHILIPS MR. DD 005",0E.00100020'),
    ],
)
def test_matches_have_one_spelling(written, canonical):
    assert canonical_match(written) == canonical
    assert canonical_match(canonical) == canonical


@pytest.mark.parametrize("match", ["0010", "", "vr:XY", '0018,"MAKER",24', "PatientName.", "00100010.nonsense", "*"])
def test_what_matches_nothing_is_refused(match):
    with pytest.raises(ProfileError):
        canonical_match(match)
