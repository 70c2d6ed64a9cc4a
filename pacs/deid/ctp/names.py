"""Element names as RSNA CTP writes them: those of dcm4che 1.4, an older dictionary, and today's keywords. PS3.6.

Most older names come from today's by a few abbreviations; `data/ctp_names.txt` lists the rest. A name that meant
another element then than today means the older one, since scripts were written for it.
"""

import difflib
import re
from functools import cache

from pydicom._dicom_dict import RepeatersDictionary
from pydicom.datadict import keyword_dict

from pacs.deid.profiles.table import data_file

_ABBREVIATIONS = tuple(
    (re.compile(long), short)
    for long, short in (
        ("Sequence$", "Seq"),
        ("Referenced", "Ref"),
        ("AETitle", "AET"),
        ("ScheduledProcedureStep", "SPS"),
        ("PerformedProcedureStep", "PPS"),
        ("DateTime", "Datetime"),
        ("TelephoneNumbers", "PhoneNumbers"),
        ("Deidentification", "DeIdentification"),
        ("ColorLookupTable", "ColorLUT"),
        ("GeneralPurposeSPS", "GPSPS"),
        ("GeneralPurposePPS", "GPPPS"),
        ("^PhysiciansOf", "PhysicianOf"),
    )
)


@cache
def names() -> dict[str, int]:
    """Tags by every spelling that scripts use."""
    found: dict[str, int] = {}
    for keyword, tag in keyword_dict.items():
        spellings = {keyword}
        for long, short in _ABBREVIATIONS:
            spellings |= {long.sub(short, each) for each in spellings}
        for each in spellings:
            found.setdefault(f"{each}Retired", tag)
            if each != keyword:
                found.setdefault(each, tag)
    found |= keyword_dict
    for mask, entry in RepeatersDictionary.items():  # curves and overlays, by their first group
        found.setdefault(entry[4], int(mask.replace("x", "0"), 16))
    for line in data_file("ctp_names.txt").splitlines():
        if not line.startswith("#"):
            name, tag_text = line.split()
            found[name] = int(tag_text, 16)
    return found


def tag_named(name: str) -> int | None:
    """The tag of an element's name; None when no dictionary has it."""
    return names().get(name)


def nearest(name: str) -> str:
    """What to say after an unknown name: the nearest known one, if there is any."""
    close = difflib.get_close_matches(name, [*names(), "this"], 1, 0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
