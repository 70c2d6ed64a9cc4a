"""Scripts of RSNA Anonymizer 18: the same XML, with a few words of its own, put into CTP's expressions.

What they do not list goes, private elements always; sequences that they keep are entered. Its project has the UID root,
the site and a name, which here are the script's parameters.
"""

import re

from pacs.dicom.dictionary import vr_of
from pacs.errors import ProfileError

PARAMETERS = ("UIDROOT", "SITEID", "PROJECTNAME")
REMOVALS = frozenset(("privategroups", "unspecifiedelements"))
# One number for each patient of a collection, from 1; 0 for who has no id.
_PATIENT = "@if(root:PatientID,isblank){@param(@SITEID)-000000}{@param(@SITEID)-@integer(root:PatientID,ptid,6)}"
_WORDS = {
    "": "@keep()",
    "keep": "@keep()",
    "remove": "@remove()",
    "empty": "@empty()",
    "uid": "@rsnauid(@UIDROOT,@SITEID,this)",
    "ptid": _PATIENT,
    "acc": "@rsnaacc(@UIDROOT,@SITEID,this)",
    "hashdate": "@rsnadate(this,root:PatientID)",
}
_OWN = re.compile(r"@(uid|ptid|acc)(\(\))?")
_WORD = re.compile(r"(?:@(\w+))?(\([^()]*\))?")
# What it writes into every object besides.
_ALWAYS = {
    "00100010": f"@always(){_PATIENT}",
    "00100020": f"@always(){_PATIENT}",
    "00120062": "@always()YES",
    "00120063": "@always()RSNA DICOM ANONYMIZER",
    "00120064": "reset/113100/113107/113108",
    "00130010": "@always()RSNA",
    "00131001": "@always()@param(@SITEID)",
    "00131003": "@always()@param(@PROJECTNAME)",
}
RawRule = tuple[str, str, str, int]  # tag, name, expression, line


def is_of_anonymizer(rules: list[RawRule]) -> bool:
    """Whether a script has a word that only RSNA Anonymizer knows."""
    return any(_OWN.fullmatch(text) for _tag, _name, text, _line in rules)


def in_ctps_words(rules: list[RawRule], params: dict[str, str], name: str) -> list[RawRule]:
    """The rules as expressions of CTP. Raises `ProfileError` for another word, and for a missing parameter."""
    missing = next((each for each in PARAMETERS if not params.get(each, "").strip()), "")
    if missing:
        raise ProfileError(
            f"{name}, line 1: a script of RSNA Anonymizer wants its project's values, such as"
            f' <p t="{missing}">...</p>; they are {", ".join(PARAMETERS)}'
        )
    last = max((line for *_rest, line in rules), default=1)
    told = {
        tag.upper(): (tag, called, _expression(tag, text, f"{name}, line {line}"), line)
        for tag, called, text, line in rules
    }
    return [*told.values(), *((tag, "", text, last) for tag, text in _ALWAYS.items())]


def _expression(tag: str, text: str, where: str) -> str:
    found = _WORD.fullmatch(text)
    word = found[1] or "" if found is not None else None
    if word == "round" and found is not None and found[2]:
        return text
    if word is None or word not in _WORDS or (found is not None and found[2] and not word):
        known = ", ".join(f"@{each}" for each in (*_WORDS, "round") if each)
        raise ProfileError(f"{where}: {text[:60]!r} is nothing that RSNA Anonymizer knows; it knows {known}")
    is_sequence = len(tag) == len("00081140") and vr_of(int(tag, 16)) == "SQ"
    return "@process()" if is_sequence and _WORDS[word] == "@keep()" else _WORDS[word]
