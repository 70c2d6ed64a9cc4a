"""Rules of an application entity as JSON and as text that people type."""

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from pacs.dicom.syntaxes import TRANSFER_SYNTAXES
from pacs.dicom.values import DEFAULT, charset_named
from pacs.errors import BadRequest
from pacs.model import PeerRules

_TRUE, _FALSE = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
MOST_PARALLEL = 16


def rules_json(rules: PeerRules) -> str:
    """What differs from the default."""
    default = asdict(PeerRules())
    return json.dumps({name: value for name, value in asdict(rules).items() if value != default[name]})


def rules_from(text: str) -> PeerRules:
    """Rules from what `rules_json` wrote; names of another version are left out."""
    known = {each.name for each in fields(PeerRules)}
    values: dict[str, Any] = {name: value for name, value in json.loads(text).items() if name in known}
    values["prefer"] = tuple(values.get("prefer", ()))
    return PeerRules(**values)


def changed(rules: PeerRules, changes: Mapping[str, str]) -> PeerRules:
    """Rules with some changed, each by its name and a text. Raises `BadRequest` for a name or value unknown."""
    values: dict[str, Any] = {}
    for name, text in changes.items():
        values[name] = _value(name, text.strip())
    return replace(rules, **values)


def _value(name: str, text: str) -> Any:
    default = asdict(PeerRules()).get(name)
    if default is None:
        near = difflib.get_close_matches(name, [each.name for each in fields(PeerRules)], 1, 0.0)
        raise BadRequest(f"there is no rule {name!r}; did you mean {near[0]!r}?")
    if isinstance(default, bool):
        if text.lower() not in _TRUE + _FALSE:
            raise BadRequest(f"{name} is yes or no")
        return text.lower() in _TRUE
    if isinstance(default, int | float):
        return _number(name, text, type(default))
    return _text(name, text)


def _number(name: str, text: str, kind: type) -> int | float:
    least, most = {"parallel": (1, MOST_PARALLEL), "max_associations": (0, 10000)}.get(name, (1, 86400))
    try:
        number: int | float = kind(text)
    except ValueError:
        raise BadRequest(f"{name} is a number") from None
    if not least <= number <= most:
        raise BadRequest(f"{name} is from {least} to {most}")
    return number


def _text(name: str, text: str) -> str | tuple[str, ...]:
    if name == "prefer":
        uids = tuple(each for each in text.replace(",", " ").split() if each)
        unknown = [each for each in uids if each not in TRANSFER_SYNTAXES]
        if unknown:
            raise BadRequest(f"{unknown[0]} is no transfer syntax that we take")
        return uids
    if name == "certificate":
        text = text.replace(":", "").lower()
        if text and not _FINGERPRINT.fullmatch(text):
            raise BadRequest("certificate is the SHA-256 of a certificate: 64 hexadecimal digits")
    if name == "character_set" and text and ("\\" in text or charset_named(text.encode()) == DEFAULT):
        raise BadRequest("character_set is a defined term of (0008,0005), such as ISO_IR 100")
    return text
