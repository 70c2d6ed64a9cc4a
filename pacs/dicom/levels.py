"""Of which level of the query/retrieve information model an attribute tells. PS3.3 Annexes A and C, PS3.4 C.3."""

import json
from functools import cache
from importlib.resources import files

from pacs.dicom.dictionary import KEYWORD_OF, tag_of
from pacs.model import Level

_KEYWORDS = frozenset(KEYWORD_OF.values())


@cache
def _levels() -> dict[str, Level]:
    table = json.loads(files("pacs.dicom").joinpath("data/levels.json").read_text())
    return {keyword: level for level in (Level.PATIENT, Level.STUDY, Level.SERIES) for keyword in table[level]}


# Groups whose attributes, retired ones among them, tell of patient and study where no module of PS3.3 says otherwise.
_GROUPS = {0x0010: Level.PATIENT, 0x0032: Level.STUDY, 0x0038: Level.STUDY}


def level_of(keyword: str) -> Level:
    """The level of a keyword; what the modules of patient, study, series and equipment lack tells of an instance."""
    found = _levels().get(keyword)
    if found is not None:
        return found
    return _GROUPS.get(tag_of(keyword) >> 16, Level.INSTANCE) if keyword in _KEYWORDS else Level.INSTANCE
