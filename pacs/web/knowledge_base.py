"""``/knowledge-base/<profile>``: what a profile does to each element, why, and who says so (promise 6)."""

import re
from collections.abc import Iterator
from functools import cache
from secrets import token_urlsafe
from typing import NamedTuple

from flask import Blueprint, Response, abort
from jinja2 import Environment, PackageLoader, Template
from pydicom.datadict import dictionary_description

from pacs.deid.actions import is_cleaned_text
from pacs.deid.profiles import Profile, Rule, load_profile, profile_names
from pacs.deid.profiles.private_tags import rows_of
from pacs.deid.profiles.rules import steps_of
from pacs.deid.profiles.table import OPTION_CODES, table_e1
from pacs.errors import ProfileError
from pacs.web.door import archive

blueprint = Blueprint("knowledge_base", __name__)
_TAG = re.compile("[0-9A-F]{8}")
_PATIENT = ("00100010", "00100020")
_SETTINGS = {
    ("pixels", "clean"): "Pixels that may carry text are read; text that identifies is blanked in every frame.",
    ("pixels", "quarantine"): "Objects whose pixels may carry text are not published.",
    ("pixels", "detect"): "Pixels that may carry text are read; objects with text that identifies are not published.",
    ("documents", "quarantine"): "Encapsulated documents (PDF, CDA, models) are not published.",
    ("documents", "blank"): "Encapsulated documents are replaced by a blank one.",
    ("scanned_paper", "quarantine"): "Scanned paper is not published.",
    ("scanned_paper", "clean"): "Scanned paper is treated like other images.",
    ("faces", "flag"): "Head series in which a face could be seen are marked for the curator.",
    ("faces", "hold"): "Head series in which a face could be seen are held back for the curator.",
    ("faces", "ignore"): "Nothing is done about faces.",
    ("ctp_block", "yes"): "The private block (0013,xx10) names collection and site, as TCIA's tools expect.",
    ("ctp_block", "no"): "No private block is written.",
    ("ctp", "safe"): "",
    ("ctp", "strict"): "Its CTP script alone decides, value for value as RSNA CTP applies it.",
}


class ShownRule(NamedTuple):
    """A rule in words. `match` is how a profile writes it, `tag` how people do; `code` as in Table E.1-1 or our own."""

    match: str
    tag: str
    name: str
    code: str
    action: str
    reason: str
    source: str


# What an action is called on the page.
_SAID = {
    "X": "removed",
    "Z": "emptied",
    "D": "replaced by a dummy",
    "K": "kept",
    "U": "UID replaced",
    "P": "new patient id",
    "X/Z": "removed or emptied, by type",
    "X/D": "removed or replaced by a dummy, by type",
    "Z/D": "emptied or replaced by a dummy, by type",
    "X/Z/D": "removed, emptied or replaced, by type",
    "X/Z/U*": "kept, its UIDs replaced",
    "shift": "date shifted",
    "epoch": "date shifted",
    "text": "text cleaned, in doubt removed",
    "known": "text cleaned of known values",
    "content": "kept, its text cleaned",
    "age": "over 89 becomes 090Y",
    "alias": "replaced by a keyed name",
    "safe": "kept when known to be safe",
    "ctp": "as an expression of RSNA CTP says",
}


@blueprint.get("/knowledge-base")
@blueprint.get("/knowledge-base/<name>")
def knowledge_base(name: str = "tcia") -> Response:
    """The page of a profile; it identifies nobody, so everybody may read it."""
    folder = archive().parts.profiles
    names = profile_names(folder)
    base = name.partition("+")[0]
    if base not in names or len(name) > 400:
        abort(404)
    try:
        profile = load_profile(name, folder)
    except ProfileError:
        abort(404)
    nonce = token_urlsafe(16)
    response = Response(profile_page(profile, names, nonce), mimetype="text/html")
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'"
    )
    return response


def profile_page(profile: Profile, others: list[str], nonce: str = "") -> str:
    """The page as HTML."""
    private: dict[str, list[dict[str, str]]] = {}
    if profile.private.code == "safe":
        for signature, vr, rule in rows_of(profile.safe_private):
            creator = signature.rpartition("/")[2].split('"')[1]
            row = {"signature": signature, "vr": vr or "any", "action": _SAID[rule.code]}
            private.setdefault(creator, []).append(row | {"reason": rule.reason, "source": rule.source})
    settings = profile.settings.as_dict()
    return _template().render(
        profile=profile,
        others=others,
        added=[option.replace("_", " ") for option in profile.name.split("+")[1:]],
        nonce=nonce,
        paragraphs=[" ".join(each.split()) for each in profile.prose.split("\n\n") if each.strip()],
        options=[OPTION_CODES[option] for option in OPTION_CODES if option in profile.options],
        settings=[
            (name.replace("_", " "), _SETTINGS[name, value])
            for name, value in settings.items()
            if _SETTINGS[name, value]
        ],
        rules=list(shown_rules(profile)),
        private=sorted(private.items()),
        private_count=sum(map(len, private.values())),
    )


@cache
def _template() -> Template:
    return Environment(loader=PackageLoader("pacs.web"), autoescape=True, trim_blocks=True).get_template(
        "knowledge_base.html"
    )


def shown_rules(profile: Profile) -> Iterator[ShownRule]:
    """Every rule of a profile in words."""
    for rule in profile.rules():
        action = f"set to {rule.value!r}" if rule.code == "set" else _SAID[rule.code]
        last = steps_of(rule.match)[-1]
        if profile.strict is not None:
            yield ShownRule(rule.match, _tag(rule.match), _name(rule), rule.code, action, rule.reason, rule.source)
            continue
        if _TAG.fullmatch(last) and is_cleaned_text(rule, int(last, 16)):
            action = "kept, cleaned of known values"
        if rule.match in _PATIENT and rule.code in ("Z", "D", "Z/D"):
            action = _SAID["P"]
        yield ShownRule(rule.match, _tag(rule.match), _name(rule), rule.code, action, rule.reason, rule.source)


def _tag(match: str) -> str:
    return f"({match[:4]},{match[4:]})" if len(match) == 8 and "." not in match else match


_WHOLE = {
    "private": "private elements",
    "unknown": "elements that PS3.6 does not have",
    "XXXXXXXX": "all other elements",
}


def _name(rule: Rule) -> str:
    """What the attribute is called; for a path, its steps."""
    if rule.match.startswith("vr:"):
        return f"any other element of VR {rule.match[3:]}"
    if rule.match in _WHOLE:
        return _WHOLE[rule.match]
    names = [_description(step) for step in steps_of(rule.match)]
    return " › ".join(name for name in names if name)


def _description(step: str) -> str:
    if step == "*":
        return "everything in it"
    try:
        return dictionary_description(int(step, 16))
    except (ValueError, KeyError):  # a pattern, a private element, or one that is younger than the dictionary
        return next((row[1] for row in table_e1()["rows"] if row[0] == step), "")
