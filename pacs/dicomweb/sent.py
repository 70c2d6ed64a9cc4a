"""The UIDs of an object as it was sent, as far as they can be read, so that a refusal can name it."""

import re
from pathlib import Path

from pacs.dicom.elements import UNDEFINED
from pacs.dicom.fileformat import read_start, text_of
from pacs.dicom.frames import top_level
from pacs.dicom.syntaxes import encoding_of
from pacs.errors import PacsError

_HEAD_BYTES = 1 << 16
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_CLASS, _SOP, _STUDY = 0x00080016, 0x00080018, 0x0020000D


def sent_uids(file: Path) -> tuple[str, str, str]:
    """SOP class, SOP instance and study UID as sent; empty what cannot be read. Raises OSError only."""
    with file.open("rb") as source:
        head = source.read(_HEAD_BYTES)
    found = {_CLASS: "", _SOP: "", _STUDY: ""}
    try:
        start = read_start(head)
        found[_CLASS], found[_SOP] = text_of(start.meta, 0x00020002), text_of(start.meta, 0x00020003)
        encoding = encoding_of(start.transfer_syntax_uid)
        for tag, value, length in top_level(memoryview(head), encoding, start.data_set_offset):
            if tag in found and length != UNDEFINED:
                found[tag] = head[value : value + length].decode("latin-1").strip(" \0") or found[tag]
            if tag > _STUDY:
                break
    except (PacsError, IndexError, ValueError, OverflowError):
        pass  # a garbled object: what was read so far is what can be said
    uids = [uid if len(uid) <= 64 and _UID.fullmatch(uid) else "" for uid in found.values()]
    return uids[0], uids[1], uids[2]
