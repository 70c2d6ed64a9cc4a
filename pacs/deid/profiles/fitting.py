"""Whether a rule makes sense for what it matches: an action must fit the VR, and an object must stay one. PS3.5 6.2."""

from pydicom.config import RAISE
from pydicom.valuerep import validate_value

from pacs.deid.profiles.rules import ACTION_WORDS, Rule, is_path, is_pattern, steps_of
from pacs.dicom.dictionary import vr_of
from pacs.dicom.values import CHARSET_VRS

_DATES = frozenset(("DA", "DT", "TM", "SQ", "UN", "OB"))
_TEXTS = CHARSET_VRS | frozenset(("AE", "UR", "UN", "OB", "SQ", "CS"))
# VRs that an action can treat; actions that are not here take any.
_VRS = {
    "shift": _DATES - {"TM"},
    "epoch": frozenset(("SL", "UL", "SV", "UV", "LO", "SH", "IS", "UN", "OB")),
    "text": _TEXTS,
    "known": _TEXTS,
    "content": frozenset(("SQ", "UN")),
    "age": frozenset(("AS",)),
    "U": frozenset(("UI", "SQ", "UN")),
    "alias": frozenset(("AE", "SH", "LO", "CS")),
}
_PSEUDONYM = ("Z", "D", "Z/D", "P", "ctp")
# Without these it is no object, or one that nobody can tell from others: what a rule may do to them. The new patient id
# is written whatever a rule says, and a kept name would hold every object.
_FIXED = {
    "00100010": (*_PSEUDONYM, "X"),
    "00100020": _PSEUDONYM,
    "00080016": ("K",),
    "00080018": ("U", "K", "ctp"),
    "0020000D": ("U", "K", "ctp"),
    "0020000E": ("U", "K", "ctp"),
    "00080005": ("K",),
    **dict.fromkeys(("00280002", "00280004", "00280010", "00280011", "00280100", "00280101", "00280102"), ("K",)),
    **dict.fromkeys(("00280103", "7FE00008", "7FE00009", "7FE00010"), ("K",)),
}


def misfit(rule: Rule) -> str | None:
    """What is wrong with a rule; None when nothing is."""
    if is_path(rule.match):
        return _path_misfit(rule)
    allowed = _FIXED.get(rule.match)
    if allowed is not None and rule.code not in allowed:
        words = ", ".join(word for code in allowed if " " not in (word := ACTION_WORDS[code]))
        return f"an object needs ({rule.match[:4]},{rule.match[4:]}); what may be done to it: {words}"
    vr = _vr(rule.match)
    if vr is not None and vr not in _VRS.get(rule.code, (vr,)):
        return f"the action {ACTION_WORDS[rule.code]!r} does not fit an element of VR {vr}"
    return _value_misfit(rule, vr) if vr is not None and rule.code == "set" else None


def _value_misfit(rule: Rule, vr: str) -> str | None:
    try:
        validate_value(vr, rule.value, RAISE)
    except ValueError:
        return f"the value is none of VR {vr}"
    return None if rule.value.isprintable() else "the value holds control characters"


def _path_misfit(rule: Rule) -> str | None:
    for step in steps_of(rule.match)[:-1]:
        if is_pattern(step) and "X" not in step and vr_of(int(step, 16)) not in ("SQ", "UN"):
            return f"({step[:4]},{step[4:]}) is no sequence"
    return None


def _vr(match: str) -> str | None:
    if match.startswith("vr:"):
        return match[3:]
    if is_pattern(match) and "X" not in match:
        vr = vr_of(int(match, 16))
        return None if vr == "UN" else vr
    return None
