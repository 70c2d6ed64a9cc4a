"""Of which level of the query/retrieve information model an attribute tells. PS3.3 Annexes A and C, PS3.4 C.3."""

import json
from functools import cache
from importlib.resources import files

from pacs.model import Level


@cache
def _levels() -> dict[str, Level]:
    table = json.loads(files("pacs.dicom").joinpath("data/levels.json").read_text())
    return {keyword: level for level in (Level.PATIENT, Level.STUDY, Level.SERIES) for keyword in table[level]}


def level_of(keyword: str) -> Level:
    """The level of a keyword; what the modules of patient, study, series and equipment lack tells of an instance."""
    return _levels().get(keyword, Level.INSTANCE)
