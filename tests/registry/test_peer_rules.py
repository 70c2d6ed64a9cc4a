"""Rules of an application entity: typed as text, kept as JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.errors import BadRequest, NotFound
from pacs.model import PeerRules
from pacs.registry import Registry
from pacs.registry.peer_rules import changed, rules_from, rules_json


@pytest.fixture
def registry(database):
    return Registry(database)


RULES = st.builds(
    PeerRules,
    enabled=st.booleans(),
    relational=st.booleans(),
    max_associations=st.integers(0, 10000),
    prefer=st.lists(st.sampled_from(["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"]), max_size=2).map(tuple),
    patience_s=st.floats(1, 86400),
)


@given(RULES)
def test_rules_survive_being_written(rules: PeerRules):
    assert rules_from(rules_json(rules)) == rules


def test_rules_of_later_version_are_left_out():
    assert rules_from('{"relational": true, "unheard_of": 3}') == PeerRules(relational=True)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("relational", "yes", True),
        ("enabled", "off", False),
        ("max_associations", "4", 4),
        ("patience_s", "2.5", 2.5),
        ("prefer", "1.2.840.10008.1.2.1, 1.2.840.10008.1.2", ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")),
        ("character_set", "ISO_IR 100", "ISO_IR 100"),
        ("certificate", ":".join(["AB"] * 32), "ab" * 32),
    ],
)
def test_text_becomes_a_rule(name: str, text: str, value: object):
    assert getattr(changed(PeerRules(), {name: text}), name) == value


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("relationa", "yes", "did you mean 'relational'"),
        ("enabled", "perhaps", "yes or no"),
        ("parallel", "0", "from 1 to 16"),
        ("parallel", "many", "a number"),
        ("prefer", "1.2.3", "no transfer syntax"),
        ("character_set", "KLINGON", "defined term"),
        ("certificate", "abc", "64 hexadecimal"),
    ],
)
def test_nonsense_is_refused_by_name(name: str, text: str, said: str):
    with pytest.raises(BadRequest, match=said):
        changed(PeerRules(), {name: text})


def test_rules_outlive_a_new_address(registry):
    registry.add_peer("WORK", "10.0.0.1", 104)
    registry.set_peer_rules("WORK", {"relational": "yes"})
    assert registry.add_peer("WORK", "10.0.0.2", 104).rules.relational


def test_rules_of_nobody_are_not_found(registry):
    with pytest.raises(NotFound):
        registry.set_peer_rules("NOBODY", {"relational": "yes"})
