"""Rule sets flatten to one rule per tag; later sets and more exact patterns win; mistakes are named."""

import pytest

from pacs.deid.profiles import Profile, Rule, RuleSet, flatten, load_profile, table_e1
from pacs.errors import ProfileError

BASIC = load_profile("basic")
TOML = 'title = "t"\nsource = "site.toml"\n[[rule]]\nmatch = "{match}"\ncode = "{code}"\nreason = "r"\n'


def rule(profile: Profile, tag: int) -> Rule:
    """The rule that must be there for a tag."""
    found = profile.rule_of(tag)
    assert found is not None
    return found


def rule_set(match: str, code: str) -> RuleSet:
    return RuleSet.from_toml(TOML.format(match=match, code=code))


def test_later_rule_set_wins():
    sets = (RuleSet.from_table(table_e1()), rule_set("00100020", "X"))
    assert rule(flatten("p", "p", sets, ()), 0x00100020).source == "site.toml"


def test_most_exact_pattern_wins():
    sets = (rule_set("60XX3000", "Z"), rule_set("60XXXXXX", "X"), rule_set("private", "X"))
    profile = flatten("p", "p", sets, ())
    assert rule(profile, 0x60023000).code == "Z"
    assert rule(profile, 0x60020010).code == "X"


def test_version_names_the_rules_only():
    one = flatten("a", "t", (rule_set("private", "X"),), ())
    assert one.version == flatten("b", "u", (rule_set("private", "X"),), ()).version
    assert one.version != flatten("a", "t", (rule_set("private", "X"), rule_set("00100020", "Z")), ()).version


@pytest.mark.parametrize(("match", "code"), [("00100020", "Q"), ("0010", "X"), ("vr:QQ", "X"), ("nonsense", "X")])
def test_mistakes_in_rule_sets_are_named(match, code):
    with pytest.raises(ProfileError, match="rule 1"):
        rule_set(match, code)


def test_broken_toml_and_missing_keys_are_refused():
    with pytest.raises(ProfileError):
        RuleSet.from_toml("title = ")
    with pytest.raises(ProfileError):
        RuleSet.from_toml('title = "t"\nsource = "s"\n[[rule]]\nmatch = "unknown"\n')


def test_profile_without_private_rule_is_refused():
    with pytest.raises(ProfileError, match="private"):
        flatten("p", "p", (rule_set("00100020", "X"),), ())


def test_unknown_profile_is_refused():
    with pytest.raises(ProfileError, match="no profile"):
        load_profile("nosuch")


def test_every_rule_says_why_and_who():
    for each in (*BASIC.exact.values(), *BASIC.patterns, *BASIC.by_vr.values(), BASIC.private, BASIC.unknown):
        assert each is not None
        assert each.reason
        assert each.source


def test_unlisted_tags_follow_vr_and_dictionary():
    assert BASIC.rule_of(0x00180050) is None  # Slice Thickness
    assert rule(BASIC, 0x00142006).code == "Z"  # Evaluator Name, a PN that no row lists
    assert rule(BASIC, 0x00089123).code == "U"  # Creator-Version UID
    assert rule(BASIC, 0x00081190).code == "X"  # Retrieve URL
    assert rule(BASIC, 0x0018EEEE).code == "X"  # no attribute of PS3.6
    assert rule(BASIC, 0x00080016).code == "K"
