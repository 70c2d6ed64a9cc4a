"""Table E.1-1 of PS3.15 as rule sets: the Basic column, and one set for every option of E.3.

A row's C ("clean") becomes the action that cleans such an attribute: dates are shifted, text is cleaned, sequences are
entered, graphics are removed. `data/options.toml` has what an option means for elements that no row lists.
"""

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from pacs.deid.profiles.rules import Rule, RuleSet, canonical_match, code_of
from pacs.dicom.dictionary import vr_of
from pacs.dicom.values import CHARSET_VRS, TEXT_VRS

# Options in the order in which they apply: what keeps first, what cleans last, so that a row that one option keeps and
# another cleans is cleaned.
OPTIONS = (
    "retain_longitudinal_full_dates",
    "retain_device_identity",
    "retain_institution_identity",
    "retain_patient_characteristics",
    "retain_uids",
    "retain_longitudinal_modified_dates",
    "clean_descriptors",
    "clean_structured_content",
    "clean_graphics",
    "retain_safe_private",
    "clean_pixel_data",
    "clean_recognizable_visual_features",
)
# Codes of PS3.16 CID 7050.
BASIC_CODE = ("113100", "Basic Application Confidentiality Profile")
OPTION_CODES = {
    "clean_pixel_data": ("113101", "Clean Pixel Data Option"),
    "clean_recognizable_visual_features": ("113102", "Clean Recognizable Visual Features Option"),
    "clean_graphics": ("113103", "Clean Graphics Option"),
    "clean_structured_content": ("113104", "Clean Structured Content Option"),
    "clean_descriptors": ("113105", "Clean Descriptors Option"),
    "retain_longitudinal_full_dates": ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    "retain_longitudinal_modified_dates": ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    "retain_patient_characteristics": ("113108", "Retain Patient Characteristics Option"),
    "retain_device_identity": ("113109", "Retain Device Identity Option"),
    "retain_uids": ("113110", "Retain UIDs Option"),
    "retain_safe_private": ("113111", "Retain Safe Private Option"),
    "retain_institution_identity": ("113112", "Retain Institution Identity Option"),
}


def data_file(name: str) -> str:
    """The text of one of the package's data files."""
    return (files("pacs.deid") / "data" / name).read_text(encoding="utf-8")


@cache
def table_e1() -> dict[str, Any]:
    """Table E.1-1 as `scripts/make-profiles` wrote it; rows are lists in the order of its `columns`."""
    content: dict[str, Any] = json.loads(data_file("ps315_e1.json"))
    return content


def _source() -> str:
    table = table_e1()
    return f"{table['standard']} {table['edition']} {table['section']}"


@cache
def basic_rules() -> RuleSet:
    """The Basic column."""
    source = _source()
    rules = tuple(Rule(_match(row[0]), row[4], _why(row[0], row[5]), source) for row in table_e1()["rows"])
    return RuleSet(source, rules)


@cache
def option_rules(option: str) -> RuleSet:
    """The rules of one option: its column of the table, then what `options.toml` adds."""
    source = f"{_source()}, {option.replace('_', ' ')}"
    rules = []
    for tag, _name, _retired, _in_iod, _basic, options in table_e1()["rows"]:
        if option in options:
            match = _match(tag)
            code = _cleaned(match, options[option], option)
            rules.append(Rule(match, code, _WHY_OPTION[option], source, option))
    return RuleSet(option, (*rules, *_beyond(option)))


# Why a row is in the table, by the first option that speaks of it, else by VR.
_WHY = {
    "retain_safe_private": "only its maker knows what it holds",
    "clean_graphics": "drawn on the image, often with text",
    "clean_structured_content": "content that people write, with names, dates and places in it",
    "clean_descriptors": "a description or comment: people type names and dates into it",
    "retain_institution_identity": "names the institution",
    "retain_device_identity": "tells which machine it was, and so the site",
    "retain_patient_characteristics": "describes the patient, and may single one out",
    "retain_uids": "whoever has the original finds the patient by it",
    "retain_longitudinal_full_dates": "when the patient was cared for: with a place it tells who it was",
}
_WHY_VR = {
    "PN": "a person's name",
    "SQ": "holds elements that identify",
    "DA": "a date that identifies",
    "AE": "names a machine of the site",
    "UI": "whoever has the original finds the patient by it",
    "UR": "an address of the site",
}
_WHY_OPTION = {
    "retain_longitudinal_full_dates": "when things were done, for studies over time",
    "retain_device_identity": "which machine it was, for comparing machines",
    "retain_institution_identity": "where it was done, for comparing institutions",
    "retain_patient_characteristics": "a characteristic of the patient that dose, uptake or outcome depend on",
    "retain_uids": "references to the original must stay possible",
    "retain_longitudinal_modified_dates": "intervals between events stay exact while no date is true",
    "clean_descriptors": "research words stay, what identifies goes",
    "clean_structured_content": "codes, measurements and references stay, what identifies goes",
    "clean_graphics": "what is drawn is cleaned where it can be told apart, else removed",
    "retain_safe_private": "elements that are known to be safe stay, all others go",
}


def _why(tag: str, options: Mapping[str, str]) -> str:
    for option, reason in _WHY.items():
        if option in options:
            return reason
    vr = "" if tag == "PRIVATE" or "X" in tag else vr_of(int(tag, 16))
    return _WHY_VR.get(vr, "identifies the patient, a visit, or people around the patient")


def _match(tag: str) -> str:
    return canonical_match("private" if tag == "PRIVATE" else tag)


# What "clean" means for an option; the two with None depend on the attribute.
_CLEANING = {
    "retain_safe_private": "safe",
    "clean_structured_content": "content",
    "clean_graphics": "content",
    "retain_device_identity": "alias",  # AE titles: which machine is told, not its name
    "retain_longitudinal_modified_dates": None,
    "clean_descriptors": None,
    "retain_patient_characteristics": None,
}


def _cleaned(match: str, code: str, option: str) -> str:
    """The action for a code of an option column."""
    if code == "K" and option == "retain_patient_characteristics" and vr_of(int(match, 16)) in CHARSET_VRS:
        return "known"  # kept, unless somebody typed a name into it
    if code != "C":
        return code
    if "X" in match:  # curves and overlays: nothing in them can be told apart, so cleaning them is removing them
        return "X"
    return _CLEANING[option] or _cleaned_by_vr(vr_of(int(match, 16)), option)


def _cleaned_by_vr(vr: str, option: str) -> str:
    if option == "retain_longitudinal_modified_dates":
        return {"TM": "K", "SH": "known"}.get(vr, "shift")
    if vr == "CS":
        return "K"
    return "text" if vr in TEXT_VRS or vr in ("UN", "OB") else "content"


@cache
def _options_beyond() -> dict[str, Any]:
    return tomllib.loads(data_file("options.toml"))


def _beyond(option: str) -> tuple[Rule, ...]:
    content = _options_beyond()
    return tuple(
        Rule(canonical_match(match), code_of(entry["action"]), entry["reason"], content["source"], option)
        for entry in content.get(option, ())
        for match in ([entry["match"]] if isinstance(entry["match"], str) else entry["match"])
    )
