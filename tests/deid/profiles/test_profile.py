"""Rule sets flatten to one rule per tag; later sets and more exact matches win."""

import pytest

from pacs.deid import deidentify
from pacs.deid.profiles import Heading, Profile, Rule, RuleSet, flatten, load_profile
from pacs.deid.profiles.reading import read_profile
from pacs.deid.profiles.table import basic_rules
from pacs.errors import ProfileError
from tests.deid.engine_runs import KEYS, text
from tests.dicom.raw_objects import EXPLICIT, ct, items, raw

BASIC = load_profile("basic")
TOML = 'title = "t"\nsource = "site.toml"\n[[rule]]\nmatch = \'{match}\'\naction = "{action}"\nreason = "r"\n'
HEADING = Heading("p", "p")


def rule(profile: Profile, tag: int) -> Rule:
    """The rule that must be there for a tag."""
    found = profile.rule_of(tag)
    assert found is not None
    return found


def rule_set(match: str, action: str) -> RuleSet:
    return read_profile(TOML.format(match=match, action=action), "site").rules


def site_profile(tmp_path, *rules: tuple[str, str], top: str = "") -> Profile:
    """A profile file over basic."""
    body = "".join(f'[[rule]]\nmatch = \'{m}\'\naction = "{a}"\nreason = "r"\n' for m, a in rules)
    (tmp_path / "site.toml").write_text(f'title = "t"\n{top}\n{body}')
    return load_profile("site", tmp_path)


def test_later_rule_set_wins():
    sets = (basic_rules(), rule_set("00100021", "remove"))
    assert rule(flatten(HEADING, sets), 0x00100021).source == "site.toml"


def test_most_exact_pattern_wins():
    sets = (rule_set("60XX3000", "empty"), rule_set("60XXXXXX", "remove"), rule_set("private", "remove"))
    profile = flatten(HEADING, sets)
    assert rule(profile, 0x60023000).code == "Z"
    assert rule(profile, 0x60020010).code == "X"


def test_version_names_the_rules_only():
    one = flatten(Heading("a", "t"), (rule_set("private", "remove"),))
    assert one.version == flatten(Heading("b", "u", "prose"), (rule_set("private", "remove"),)).version
    assert one.version != flatten(HEADING, (rule_set("private", "remove"), rule_set("00100021", "Z"))).version


def test_version_changes_with_options_settings_and_private_tags(tmp_path):
    plain = site_profile(tmp_path)
    assert plain.version == BASIC.version
    assert site_profile(tmp_path, top="[settings]\nfaces = 'hold'").version != plain.version
    safe = site_profile(tmp_path, top="options = ['retain_safe_private']")
    (tmp_path / "private-tags.csv").write_text(
        'element_sig_pattern,tag_name,vr,private_disposition\n"(0019,""MAKER"",01)",Name,LO,k\n'
    )
    assert load_profile("site", tmp_path).version != safe.version


def test_profile_without_private_rule_is_refused():
    with pytest.raises(ProfileError, match="private"):
        flatten(HEADING, (rule_set("00100021", "remove"),))


def test_unknown_profile_and_option_are_refused():
    with pytest.raises(ProfileError, match="no profile"):
        load_profile("nosuch")
    with pytest.raises(ProfileError, match="no option"):
        load_profile("basic+retain_everything")


@pytest.mark.parametrize("name", ["basic", "tcia", "clinical-trial", "retain-all-allowed"])
def test_every_rule_says_why_and_who(name):
    profile = load_profile(name)
    assert profile.prose
    for each in profile.rules():
        assert each.reason
        assert each.source


def test_unlisted_tags_follow_vr_and_dictionary():
    assert BASIC.rule_of(0x00180050) is None  # Slice Thickness
    assert rule(BASIC, 0x00142006).code == "Z"  # Evaluator Name, a PN that no row lists
    assert rule(BASIC, 0x00089123).code == "U"  # Creator-Version UID
    assert rule(BASIC, 0x00081190).code == "X"  # Retrieve URL
    assert rule(BASIC, 0x0018EEEE).code == "X"  # no attribute of PS3.6
    assert rule(BASIC, 0x00080016).code == "K"


def test_path_rule_wins_within_its_sequence_only(tmp_path):
    profile = site_profile(tmp_path, ("RequestAttributesSequence.*", "remove"), ("00400275", "keep"))
    item = raw((0x00400007, "LO", "Head"), (0x00280010, "US", b"\1\0"))
    source = ct((0x00400275, "SQ", [item]), (0x00280010, "US", b"\1\0"))
    after = deidentify(source, EXPLICIT, profile, KEYS).data_set
    assert not items(after, 0x00400275)[0]
    assert 0x00280010 in after


def test_exact_path_wins_over_everything_in_it(tmp_path):
    rules = [("00400275", "keep"), ("00400275.*", "remove"), ("00400275.00280010", "keep")]
    profile = site_profile(tmp_path, *rules)
    item = raw((0x00280010, "US", b"\1\0"), (0x00280011, "US", b"\1\0"))
    after = deidentify(ct((0x00400275, "SQ", [item])), EXPLICIT, profile, KEYS).data_set
    assert set(items(after, 0x00400275)[0]) == {0x00280010}


def test_value_can_be_set(tmp_path):
    content = 'title = "t"\n[[rule]]\nmatch = "InstitutionName"\naction = "set"\nvalue = "Site 7"\nreason = "r"\n'
    (tmp_path / "site.toml").write_text(content)
    source = ct((0x00080080, "LO", "St. Elsewhere"))
    assert text(deidentify(source, EXPLICIT, load_profile("site", tmp_path), KEYS).data_set, 0x00080080) == "Site 7"


def test_private_rules_by_element_and_creator(tmp_path):
    profile = site_profile(tmp_path, ('0019,"MAKER ONE",24', "keep"), ("private:OTHER", "keep"))
    source = ct(
        (0x00190011, "LO", "MAKER ONE"),
        (0x00191124, "LO", "kept"),
        (0x00191125, "LO", "not known"),
        (0x00210010, "LO", "OTHER"),
        (0x00211001, "LO", "kept too"),
    )
    after = deidentify(source, EXPLICIT, profile, KEYS).data_set
    assert {tag for tag in after if tag & 0x10000} == {0x00190011, 0x00191124, 0x00210010, 0x00211001}


def test_base_of_a_profile_is_followed(tmp_path):
    (tmp_path / "one.toml").write_text('title = "one"\nbase = "tcia"\n')
    (tmp_path / "two.toml").write_text('title = "two"\nbase = "one"\noptions = ["retain_uids"]\n')
    profile = load_profile("two", tmp_path)
    assert {"retain_uids", "clean_descriptors"} <= set(profile.options)
    assert profile.settings.pixels == "clean"


def test_contradicting_options_are_named_with_their_line(tmp_path):
    (tmp_path / "a.toml").write_text('title = "a"\nbase = "tcia"\noptions = ["retain_longitudinal_full_dates"]\n')
    with pytest.raises(ProfileError, match=r"a, line 3, key 'options': full dates"):
        load_profile("a", tmp_path)


def test_profile_that_builds_on_itself_is_refused(tmp_path):
    (tmp_path / "a.toml").write_text('title = "a"\nbase = "b"\n')
    (tmp_path / "b.toml").write_text('title = "b"\nbase = "a"\n')
    with pytest.raises(ProfileError, match="builds on itself"):
        load_profile("a", tmp_path)


def test_changed_file_is_read_again(tmp_path):
    before = site_profile(tmp_path)
    assert site_profile(tmp_path, ("00180050", "remove")).version != before.version


def test_shipped_profile_cannot_be_shadowed(tmp_path):
    (tmp_path / "basic.toml").write_text('title = "mine"\n')
    assert load_profile("basic", tmp_path).version == BASIC.version
