"""The Native DICOM Model: DICOM JSON as XML. PS3.19 A.1, PS3.18 8.7.3.

`native_xml` writes one data set; `json_of` (pacs.dicom.native_xml_reader) reads one.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from pacs.dicom.dictionary import KEYWORD_OF

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
NAME_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_HEAD = f'<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">'
_TAIL = "</NativeDicomModel>"
# What no XML 1.0 document may hold, however it is written. XML 1.0, 2.2.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SPECIAL = re.compile('[&<>"\r]')
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}

Json = Mapping[str, Any]


def native_xml(data_set: Json) -> bytes:
    """One data set of the DICOM JSON model as a document in UTF-8.

    Attributes come in the order of `data_set`. Characters that XML cannot hold become U+FFFD.
    """
    out = [_HEAD]
    _write_data_set(data_set, out)
    out.append(_TAIL)
    return "".join(out).encode("utf-8", "replace")


def _write_data_set(data_set: Json, out: list[str]) -> None:
    creators = {tag: entry for tag, entry in data_set.items() if _is_creator(tag)}
    for tag, entry in data_set.items():
        head = _start(tag, str(entry["vr"]), _creator(tag, creators) if creators else "")
        if len(entry) == 1:
            out.append(head + "/>")
            continue
        out.append(head + ">")
        _write_values(entry, out)
        out.append("</DicomAttribute>")


def _is_creator(tag: str) -> bool:
    return tag[3] in "13579BDF" and tag[4:6] == "00" and tag[6:] >= "10"


def _creator(tag: str, creators: Json) -> str:
    """The private creator of an attribute; empty when it is none, or a creator itself. PS3.5 7.8.1."""
    if tag[3] not in "13579BDF" or tag in creators:
        return ""
    values = creators.get(f"{tag[:4]}00{tag[4:6]}", {}).get("Value") or [""]
    return str(values[0] or "")


@lru_cache(maxsize=8192)
def _start(tag: str, vr: str, creator: str) -> str:
    keyword = KEYWORD_OF.get(int(tag, 16), "")
    named = f' keyword="{keyword}"' if keyword else ""
    private = f' privateCreator="{escaped(creator)}"' if creator else ""
    return f'<DicomAttribute tag="{tag}" vr="{escaped(vr)}"{named}{private}'


def _write_values(entry: Json, out: list[str]) -> None:
    if "BulkDataURI" in entry:
        out.append(f'<BulkData uri="{escaped(str(entry["BulkDataURI"]))}"/>')
    elif "InlineBinary" in entry:
        out.append(f"<InlineBinary>{entry['InlineBinary']}</InlineBinary>")
    elif entry["vr"] == "SQ":
        for number, item in enumerate(entry["Value"], 1):
            out.append(f'<Item number="{number}">')
            _write_data_set(item or {}, out)
            out.append("</Item>")
    else:
        write: Callable[[object], str] = _name if entry["vr"] == "PN" else _text
        kind = "PersonName" if entry["vr"] == "PN" else "Value"
        for number, value in enumerate(entry["Value"], 1):
            text = "" if value is None else write(value)
            out.append(f'<{kind} number="{number}">{text}</{kind}>' if text else f'<{kind} number="{number}"/>')


def _text(value: object) -> str:
    return escaped(value) if isinstance(value, str) else str(value)


def _name(value: object) -> str:
    """The component groups of a name, each cut into its components. PS3.19 Table A.1.5-2."""
    groups = value if isinstance(value, Mapping) else {"Alphabetic": str(value)}
    out = []
    for group in NAME_GROUPS:
        text = str(groups.get(group) or "")
        if text:
            parts = zip(NAME_COMPONENTS, text.split("^"), strict=False)
            inner = "".join(f"<{part}>{escaped(each)}</{part}>" for part, each in parts if each)
            out.append(f"<{group}>{inner}</{group}>")
    return "".join(out)


def escaped(text: str) -> str:
    """Text as it may stand between tags and in attributes."""
    if _SPECIAL.search(text):
        text = _SPECIAL.sub(lambda found: _ESCAPES[found[0]], text)
    return _NOT_XML.sub("\ufffd", text)
