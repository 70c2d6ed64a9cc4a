"""Private elements: found by their creator, kept when a rule knows them to be safe. PS3.5 7.8.1, PS3.15 E.3.10."""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from pydicom._private_dict import private_dictionaries

from pacs.deid.profiles import Profile, Rule
from pacs.deid.profiles.rules import creator_key, private_key
from pacs.dicom.elements import DataSet
from pacs.dicom.values import Charset, text_of

UNKNOWN = Rule("private", "X", "a private element that no list knows to be safe", "PS3.15 E.3.10")
_CREATORS = range(0x10, 0x100)


class Known(NamedTuple):
    """A private element that a rule names. `creator_tag` reserves its block."""

    rule: Rule
    signature: str
    vr: str | None
    creator_tag: int


def creators_of(data_set: DataSet, charset: Charset) -> Mapping[int, str]:
    """Creators of one data set or item by ``gggg00bb``, as they are compared. PS3.5 7.8.1: each item has its own."""
    return {
        tag: creator_key(text_of(element, charset))
        for tag, element in data_set.items()
        if tag & 0x10000 and (tag & 0xFFFF) in _CREATORS and element.items is None
    }


def creator_tag_of(tag: int) -> int | None:
    """The element that reserves a private element's block; None for one that has no place in a block."""
    block = tag >> 8 & 0xFF
    return (tag & 0xFFFF0000) | block if block in _CREATORS else None


def known(tag: int, vr: str, creators: Mapping[int, str], around: str, profile: Profile) -> Known | None:
    """What the profile says of a private element; None when it is unknown. `around` is the signature of the sequences.

    A profile's own rules come before lists, and a rule for an element before one for its creator.
    """
    creator_tag = creator_tag_of(tag)
    creator = creators.get(creator_tag) if creator_tag is not None else None
    if not creator or creator_tag is None:
        return None
    key = private_key(tag >> 16, creator, tag & 0xFF)
    signature = f"{around}/{key}" if around else key
    listed = profile.safe_private
    rule = profile.private_rules.get(key) or profile.private_rules.get(f"private:{creator}")
    if rule is None and profile.private.code == "safe":
        rule = listed.rule_of(signature, vr)
    if rule is None and profile.private.code not in ("safe", "X"):
        rule = profile.private
    return None if rule is None else Known(rule, signature, listed.vr_of(signature), creator_tag)


def is_listed_as_safe(tag: int, vr: str, creators: Mapping[int, str], profile: Profile) -> bool:
    """Whether a list says that a private element may stay as it is, whatever the profile does with private ones."""
    creator = creators.get(creator_tag_of(tag) or 0)
    rule = profile.safe_private.rule_of(private_key(tag >> 16, creator, tag & 0xFF), vr) if creator else None
    return rule is not None and rule.code in ("K", "known", "content")


@cache
def _public_creators() -> frozenset[str]:
    """Creators that makers have published: their names identify nobody."""
    return frozenset(creator_key(creator) for creator in private_dictionaries)


def shown_creator(creator: str, profile: Profile) -> str:
    """A creator's name where it is a known one, else "": what stands there may be anything."""
    if creator in _public_creators():
        return creator
    mark = f',"{creator}",'
    return creator if any(mark in signature for signature in profile.safe_private.rules) else ""
