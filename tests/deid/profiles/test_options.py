"""Every row of Table E.1-1 under every option that has a column for it, alone and with all others."""

import itertools
from datetime import date, timedelta

import pytest

from pacs.deid import deidentify, load_profile
from pacs.deid.profiles.table import OPTION_CODES, OPTIONS, option_rules, table_e1
from pacs.dicom.dictionary import vr_of
from pacs.dicom.elements import DataSet, Element
from pacs.dicom.values import TEXT_VRS
from pacs.errors import ProfileError
from tests.deid.engine_runs import KEYS, text
from tests.dicom.raw_objects import EXPLICIT, ct, items, raw

SECRET, UID, DAY = "Zebulonsecret", "1.2.826.0.1.3680043.8.498.31337", date(1987, 11, 23)
VALUES: dict[str, str | bytes] = {"AS": "061Y", "DA": f"{DAY:%Y%m%d}", "DT": f"{DAY:%Y%m%d}101112.5+0100", "UI": UID}
VALUES |= {"TM": "101112", "DS": "31337", "IS": "31337", "US": b"\x69\x7a", "CS": "WORDS", "AE": "SOMEAE"}
VALUES |= {"OB": b"\0\1\2\3", "SH": f"CT {SECRET}", "UN": f"CHEST {SECRET}"}
FREE_VRS = ("LO", "SH", "ST", "LT", "UT", "UC")
CONCRETE = {"50XXXXXX": "50023000", "60XX3000": "60023000", "60XX4000": "60024000", "PRIVATE": "00091001"}
# Public dates that stay though the table says C: shifted beside their public value they would give the offset away.
PUBLIC_DATES = {"00080106", "00080107", "0040DB06", "0040DB07"}
# DT attributes that are younger than pydicom's dictionary.
UNKNOWN_DATETIMES = {"0040A034", "0040A035", "0040B034", "0040B036"}
TABLE_OPTIONS = [option for option in OPTIONS if option in table_e1()["options"]]
CASES = [
    pytest.param(int(CONCRETE.get(tag, tag), 16), option, options[option], id=f"{tag}-{option}")
    for tag, _name, _retired, _in_iod, _basic, options in table_e1()["rows"]
    for option in TABLE_OPTIONS
    if option in options
]


def planted(tag: int) -> Element:
    vr = vr_of(tag)
    if f"{tag:08X}" in UNKNOWN_DATETIMES:
        return raw((tag, "DT", VALUES["DT"]))[tag]
    if vr == "SQ":
        item = raw((0x00080100, "SH", "T1"), (0x00080102, "SH", "DCM"), (0x00080104, "LO", "Chest"))
        return raw((tag, "SQ", [item]))[tag]
    return raw((tag, vr, VALUES.get(vr, f"CHEST {SECRET}")))[tag]


def run(element: Element, profile: str) -> DataSet:
    source = ct((0x00100010, "PN", f"{SECRET}^Anna"))
    source[element.tag] = element
    return deidentify(source, EXPLICIT, load_profile(profile), KEYS).data_set


def shift_days() -> int:
    return deidentify(ct(), EXPLICIT, load_profile("tcia"), KEYS).date_shift_days


@pytest.mark.parametrize(("tag", "option", "code"), CASES)
def test_row_follows_the_option(tag, option, code):
    before = planted(tag)
    if code == "K" and before.vr in FREE_VRS:  # what names the patient goes from kept text too
        before = raw((tag, before.vr, "CHEST"))[tag]
    after = run(before, f"basic+{option}").get(tag)
    if code == "K":
        assert after is not None
        assert bytes(after.value) == bytes(before.value)
        assert after.items == before.items
    else:
        check_cleaned(before, after, option)


def check_cleaned(before: Element, after: Element | None, option: str) -> None:
    vr, tag = vr_of(before.tag), f"{before.tag:08X}"
    if before.tag >> 24 in (0x50, 0x60) or tag == "00091001" or vr == "OB":
        assert after is None or not bytes(after.value).strip(b"\0")
        return
    assert after is not None
    if vr == "SQ":
        assert after.items is not None
        assert after.items[0][0x00080100].value
    elif option == "retain_longitudinal_modified_dates" and tag not in PUBLIC_DATES and before.vr in ("DA", "DT"):
        moved = f"{DAY + timedelta(days=shift_days()):%Y%m%d}"
        assert bytes(after.value).decode().strip() == moved + bytes(before.value).decode().strip()[8:]
    elif vr == "AE":
        assert bytes(after.value).startswith(b"AE-")
    elif vr in ("TM", "CS") or tag in PUBLIC_DATES:
        assert bytes(after.value) == bytes(before.value)
    elif vr in TEXT_VRS or vr == "UN":
        assert SECRET[:9].encode() not in bytes(after.value)


@pytest.mark.parametrize("tag", ["00081030", "0008103E", "00181030", "00204000", "00104000", "00400254"])
def test_research_words_of_a_descriptor_stay(tag):
    after = run(raw((int(tag, 16), "LO", f"CT CHEST {SECRET} W/CONTRAST"))[int(tag, 16)], "basic+clean_descriptors")
    assert bytes(after[int(tag, 16)].value).decode().strip() == "CT CHEST W/CONTRAST"


def test_every_option_has_a_code_and_rules():
    assert set(OPTION_CODES) == set(OPTIONS)
    for option in TABLE_OPTIONS:
        assert option_rules(option).rules


@pytest.mark.parametrize(
    "options", [pair for pair in itertools.combinations(OPTIONS, 2) if not all("longitudinal" in o for o in pair)]
)
def test_any_two_options_combine(options):
    profile = load_profile("basic+" + "+".join(options))
    assert set(profile.options) == set(options)
    before = planted(0x00081030)
    after = run(before, profile.name)
    assert SECRET.encode() not in bytes(after[0x00081030].value) if 0x00081030 in after else True
    assert UID.encode() not in bytes(after[0x0020000D].value) or "retain_uids" in options


def test_full_and_modified_dates_exclude_each_other():
    with pytest.raises(ProfileError, match="full dates and modified dates"):
        load_profile("basic+retain_longitudinal_full_dates+retain_longitudinal_modified_dates")


def test_cleaning_wins_over_keeping():
    """Date of Calibration is K for device identity and C for modified dates."""
    profile = load_profile("basic+retain_device_identity+retain_longitudinal_modified_dates")
    rule = profile.rule_of(0x0014407E)
    assert rule is not None
    assert rule.code == "shift"


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("", "REMOVED"),
        ("retain_longitudinal_full_dates", "UNMODIFIED"),
        ("retain_longitudinal_modified_dates", "MODIFIED"),
    ],
)
def test_object_says_what_became_of_its_dates(option, expected):
    result = run(planted(0x00080020), f"basic+{option}" if option else "basic")
    assert text(result, 0x00280303) == expected


def test_only_applied_options_are_recorded():
    source = ct((0x00081030, "LO", "CHEST"))
    result = deidentify(source, EXPLICIT, load_profile("tcia"), KEYS)
    codes = {text(item, 0x00080100) for item in items(result.data_set, 0x00120064)}
    assert "113105" in codes
    assert "113111" not in codes  # it has no private element
    assert "113101" not in codes  # nothing was done to its pixels
    assert "113103" not in codes


DEVICE = "tcia+retain_device_identity"
STATION, MACHINE, DESCRIPTION = 0x00081010, 0x300A00B2, 0x00500020


def retained(*planted: tuple[int, str, str]) -> dict[int, str]:
    source = ct((0x00100010, "PN", f"{SECRET}^Anna"), (0x00080080, "LO", "Quixby Clinic"), *planted)
    result = deidentify(source, EXPLICIT, load_profile(DEVICE), KEYS).data_set
    return {tag: text(result, tag) for tag, _vr, _value in planted}


def test_name_in_a_kept_text_costs_a_word():
    assert retained((DESCRIPTION, "LO", f"Scanner of {SECRET}")) == {DESCRIPTION: "Scanner"}
    assert retained((DESCRIPTION, "LO", "Scanner at Quixby")) == {DESCRIPTION: "Scanner"}


def test_kept_machine_is_not_cut_elsewhere():
    both = {STATION: "LINAC77", MACHINE: "LINAC77"}
    assert retained((STATION, "SH", "LINAC77"), (MACHINE, "SH", "LINAC77")) == both
