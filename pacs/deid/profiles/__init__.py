"""Profiles as data: ordered rule sets flattened to one rule per tag. PS3.15 E.1 to E.3.

`library.load_profile` gives one by name; `rules` has the grammar, `table` the standard's own rule sets, `reading` the
TOML form, `private_tags` what is known of private elements. It is not where rules are carried out: `deid.engine` does.
"""

from pacs.deid.profiles.library import load_profile, profile_names
from pacs.deid.profiles.profile import Heading, Profile, flatten, rules_json
from pacs.deid.profiles.rules import Rule, RuleSet
from pacs.deid.profiles.table import table_e1

__all__ = [
    "Heading",
    "Profile",
    "Rule",
    "RuleSet",
    "flatten",
    "load_profile",
    "profile_names",
    "rules_json",
    "table_e1",
]
