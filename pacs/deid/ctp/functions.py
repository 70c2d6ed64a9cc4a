"""The functions of CTP's anonymizer scripts. Each takes a call and where it stands, and gives a text.

What an element becomes can also be one of the markers ``@keep()``, ``@remove()``, ``@empty()``, ``@blank(n)`` and
``@process()`` in that text; `outcomes` reads them.
"""

import re
from collections.abc import Callable

from pacs.deid.ctp import date_functions
from pacs.deid.ctp.arguments import REMOVE, THIS, lookup_key, text_of, whole
from pacs.deid.ctp.digests import (
    decimal_md5,
    decrypted,
    encrypted,
    hashed_name,
    hashed_uid,
    rsna_accession,
    rsna_root,
    shortened,
)
from pacs.deid.ctp.expressions import Call, Expression
from pacs.deid.ctp.expressions import Element as Reference
from pacs.deid.ctp.patterns import fits_whole, replaced
from pacs.deid.ctp.scope import NOT_DEFINED, Quarantined, Scope, Skipped
from pacs.dicom.syntaxes import is_standard_uid

Function = Callable[[Call, Scope], str]
NOWHERE = 1 << 30


def evaluate(expression: Expression, scope: Scope) -> str:
    """The text of an expression. Raises `Skipped`, `Quarantined` or `MissingKey`."""
    return "".join(part if isinstance(part, str) else FUNCTIONS[part.name](part, scope) for part in expression)


def _marker(call: Call, _scope: Scope) -> str:
    return f"@{call.name}({call.arg(0)})"


def _contents(call: Call, scope: Scope) -> str:
    text = text_of(call, scope) or ""
    if len(call.args) < 2:
        return text
    return replaced(scope.given(call.arg(1)), call.arg(2), text)


def _value(call: Call, scope: Scope) -> str:
    return text_of(call, scope) or scope.given(call.arg(1))


def _failed(call: Call, scope: Scope, reason: str) -> str:
    """What a call gives that cannot be made: the text of its arguments, as in CTP. In `safe` the object is given up."""
    if scope.strict:
        return call.written
    raise Quarantined(reason)


def _param(call: Call, scope: Scope) -> str:
    value = scope.param(call.arg(0))
    return "null" if value is None else value


def _hashuid(call: Call, scope: Scope) -> str:
    uid = text_of(call, scope, 1)
    if uid is None:
        return REMOVE
    root = scope.param(call.arg(0))
    if root is None:
        return _failed(call, scope, NOT_DEFINED)
    if 2 in call.elements:  # CTP includes what its rule says of it; without a rule nothing
        element = scope.element(call.elements[2][0])
        named = call.elements[2][0].path[-1] if call.elements[2][0].path else scope.this
        other = named if isinstance(named, int) else element.tag if element is not None else 0
        script = scope.script_of(other)
        uid += "" if script is None else evaluate(script, scope.at(other))
    if scope.strict or 2 in call.elements:
        return hashed_uid(root, uid)
    return "\\".join(each if is_standard_uid(each) else hashed_uid(root, each) for each in uid.split("\\"))


def _hash(call: Call, scope: Scope) -> str:
    text = text_of(call, scope)
    if text is None:
        return REMOVE
    length = scope.param(call.arg(1))
    if length is None and scope.strict:
        return call.written
    return shortened(decimal_md5(text), whole(length, 0))


def _hashptid(call: Call, scope: Scope) -> str:
    site = (scope.param(call.arg(0)) or "") if scope.strict else scope.needed(call.arg(0))
    patient_id = (text_of(call, scope, 1) or "").strip()
    return shortened(decimal_md5(f"[{site.strip()}]{patient_id}"), whole(scope.param(call.arg(2)), 0))


def _hashname(call: Call, scope: Scope) -> str:
    name = text_of(call, scope)
    if name is None and not scope.strict:
        return REMOVE
    words = scope.param(call.arg(2)) if len(call.args) > 2 else None
    return hashed_name(name or "", whole(scope.param(call.arg(1)), 4), whole(words, 0) or None)


def _date(call: Call, scope: Scope) -> str:
    now = scope.outside.now()
    return call.arg(0).join((f"{now:%Y}", f"{now:%m}", f"{now:%d}"))


def _time(call: Call, scope: Scope) -> str:
    now = scope.outside.now()
    return call.arg(0).join((f"{now:%H}", f"{now:%M}", f"{now:%S}"))


def _round(call: Call, scope: Scope) -> str:
    value = (text_of(call, scope) or "").strip()
    size = _number(scope.param(call.arg(1)))
    digits = re.sub(r"\D", "", value, flags=re.ASCII)
    if not (scope.strict or (value and digits)):
        return "@empty()"
    if size is None or (value and not digits) or (size < 1 and not scope.strict):
        return _failed(call, scope, "an age of it cannot be rounded as the script says")
    if not value:
        return "@empty()"
    rounded = (2 * int(digits) + size) // (2 * size) * size if size else 0
    text = f"{rounded}{re.sub(r'[0-9]', '', value)}"
    return f"0{text}" if len(text) % 2 else text


def _number(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None


def _rsnauid(call: Call, scope: Scope) -> str:
    uid = text_of(call, scope, 2)
    if not uid:
        return REMOVE if uid is None else ""
    root = rsna_root(scope.needed(call.arg(0)), scope.needed(call.arg(1)))
    return "\\".join(hashed_uid(root, each) for each in uid.split("\\"))


def _rsnaacc(call: Call, scope: Scope) -> str:
    text = text_of(call, scope, 2)
    return rsna_accession(text, scope.needed(call.arg(0)), scope.needed(call.arg(1))) if text else ""


def _initials(call: Call, scope: Scope) -> str:
    words = re.split(r"[\s^,]+", (text_of(call, scope) or "").strip(" ^"))
    letters = [word[0] for word in words if word]
    if not letters:
        return "X"
    shift = whole(scope.param(call.arg(1)), 0)
    return "".join(_turned(letter.upper(), shift) for letter in (*letters[1:], letters[0]))


def _turned(letter: str, shift: int) -> str:
    first, count = ("A", 26) if "A" <= letter <= "Z" else ("0", 10) if "0" <= letter <= "9" else (letter, 1)
    return chr((ord(letter) - ord(first) + shift) % count + ord(first)) if len(letter) == 1 else letter


def _lookup(call: Call, scope: Scope) -> str:
    key = lookup_key("|".join(scope.text(each) or "" for each in call.elements.get(0, THIS)))
    key_type = scope.given(call.arg(1)).strip()
    action = call.arg(2).strip()
    if action.upper() == "UC":
        key, action = key.upper(), ""
    found = scope.outside.found(key_type, key)
    if found is not None:
        return found
    return _without_entry(call, scope, action if scope.strict else action.lower(), key_type, key)


def _without_entry(call: Call, scope: Scope, action: str, key_type: str, key: str) -> str:
    if action in ("keep", "remove", "empty"):
        return f"@{action}()"
    if action == "default":
        return scope.given(call.arg(3))
    if action == "ignore" and fits_whole(scope.given(call.arg(3)), key):
        return key
    raise scope.outside.missing(key_type, key)


def _integer(call: Call, scope: Scope) -> str:
    text = text_of(call, scope)
    if scope.outside.integer is None or (text is None and not scope.strict):
        raise Quarantined("a number that the script asks for cannot be given")
    number = scope.outside.integer(scope.given(call.arg(1)).strip(), (text or "").strip())
    return str(number).zfill(whole(scope.param(call.arg(2)), 0))


def _encrypt(call: Call, scope: Scope) -> str:
    return encrypted(text_of(call, scope) or "", scope.needed(call.arg(1)))


def _decrypt(call: Call, scope: Scope) -> str:
    text, key = text_of(call, scope) or "", scope.needed(call.arg(1))
    if scope.strict and not text:
        return ""
    try:
        return decrypted(text, key)
    except ValueError:
        if scope.strict and call.arg(1)[:1] in ("@", "$"):  # else the key would stand in the text
            return call.written
        raise Quarantined("a value that the script deciphers was not enciphered with its key") from None


def _truncate(call: Call, scope: Scope) -> str:
    text = text_of(call, scope) or ""
    length = whole(scope.param(call.arg(1)), len(text))
    return text[:length] if length >= 0 else text.strip()[length:]


def _lowercase(call: Call, scope: Scope) -> str:
    return (text_of(call, scope) or "").lower()


def _uppercase(call: Call, scope: Scope) -> str:
    return (text_of(call, scope) or "").upper()


def _pathelement(call: Call, scope: Scope) -> str:
    text, number = text_of(call, scope) or "", whole(scope.param(call.arg(1)), NOWHERE)
    parts = text.rstrip("/").split("/")
    return parts[number] if -len(parts) <= number < len(parts) else text


def _if(call: Call, scope: Scope) -> str:
    reference, condition = call.elements.get(0, THIS)[0], call.arg(1)
    if condition == "exists":
        holds = scope.element(reference) is not None
    else:
        is_asked = condition == "isblank" or len(call.args) > 2
        holds = is_asked and _CONDITIONS[condition](scope.text(reference) or "", scope.given(call.arg(2)))
    number = 0 if holds else 1
    return evaluate(call.blocks[number], scope) if number < len(call.blocks) else ""


def _greater(text: str, wanted: str) -> bool:
    one, other = (int(re.sub(r"[^0-9]", "", each) or 0) for each in (text, wanted))
    return one > other


_CONDITIONS: dict[str, Callable[[str, str], bool]] = {
    "isblank": lambda text, _wanted: not text.strip(),
    "equals": lambda text, wanted: text.lower() == wanted.lower(),
    "contains": lambda text, wanted: wanted.lower() in text.lower(),
    "matches": lambda text, wanted: fits_whole(wanted.strip(), text),
    "greaterthan": _greater,
}


def _select(call: Call, scope: Scope) -> str:
    number = 0 if scope.item is scope.root else 1
    return evaluate(call.blocks[number], scope) if number < len(call.blocks) else ""


def _append(call: Call, scope: Scope) -> str:
    added = evaluate(call.blocks[0], scope) if call.blocks else ""
    have = scope.text(Reference())
    return f"{have}\\{added}" if have else added


def _always(_call: Call, _scope: Scope) -> str:
    return ""


def _require(call: Call, scope: Scope) -> str:
    if scope.element(Reference()) is not None:
        return "@keep()"
    if 0 not in call.elements:
        return ""
    other = call.elements[0][0]
    if scope.element(other) is None or not (scope.strict or scope.text(other)):
        return scope.given(call.arg(1))
    return scope.text(other) or ""


def _skip(_call: Call, _scope: Scope) -> str:
    raise Skipped("the script leaves this object as it is")


def _quarantine(_call: Call, _scope: Scope) -> str:
    raise Quarantined("the script says so")


FUNCTIONS: dict[str, Function] = {
    "always": _always,
    "append": _append,
    "blank": _marker,
    "contents": _contents,
    "date": _date,
    "dateinterval": date_functions.dateinterval,
    "decrypt": _decrypt,
    "empty": _marker,
    "encrypt": _encrypt,
    "hash": _hash,
    "hashdate": date_functions.hashdate,
    "hashname": _hashname,
    "hashptid": _hashptid,
    "hashuid": _hashuid,
    "if": _if,
    "incrementdate": date_functions.incrementdate,
    "initials": _initials,
    "integer": _integer,
    "keep": _marker,
    "lookup": _lookup,
    "lowercase": _lowercase,
    "modifydate": date_functions.modifydate,
    "param": _param,
    "pathelement": _pathelement,
    "process": _marker,
    "quarantine": _quarantine,
    "remove": _marker,
    "require": _require,
    "round": _round,
    "rsnaacc": _rsnaacc,
    "rsnadate": date_functions.rsnadate,
    "rsnauid": _rsnauid,
    "select": _select,
    "skip": _skip,
    "time": _time,
    "truncate": _truncate,
    "uppercase": _uppercase,
    "value": _value,
}
