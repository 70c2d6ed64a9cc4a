"""Palettes: the colours of PALETTE COLOR images. PS3.3 C.7.6.3.1.5, C.7.6.3.1.6 and C.7.9.2."""

import struct

import numpy as np

from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import encoding_of
from pacs.pixels.image import Array

_DESCRIPTORS = (0x00281101, 0x00281102, 0x00281103)
_TABLES = (0x00281201, 0x00281202, 0x00281203)
_SEGMENTED = (0x00281221, 0x00281222, 0x00281223)
_MOST_ENTRIES = 65536


def palette(data_set: DataSet, transfer_syntax_uid: str) -> tuple[int, Array] | None:
    """The first number that is mapped, and the colours as (entries, 3) of 8 bits; None without tables."""
    order = "<" if encoding_of(transfer_syntax_uid).little_endian else ">"
    columns = []
    first = 0
    for descriptor, table, segmented in zip(_DESCRIPTORS, _TABLES, _SEGMENTED, strict=True):
        if descriptor not in data_set or len(data_set[descriptor].value) < 6:
            return None
        count, first, bits = struct.unpack_from(f"{order}3H", data_set[descriptor].value)
        if data_set[descriptor].vr == "SS" and first > 0x7FFF:
            first -= 0x10000
        if table in data_set:
            entries = _plain(bytes(data_set[table].value), order, count or _MOST_ENTRIES)
        elif segmented in data_set:
            entries = _expanded(bytes(data_set[segmented].value), order, count or _MOST_ENTRIES)
        else:
            return None
        wide = bits > 8 and int(entries.max(initial=0)) > 255
        columns.append((entries >> 8 if wide else entries).astype(np.uint8))
    if len({len(column) for column in columns}) != 1 or not len(columns[0]):
        return None
    return first, np.stack(columns, axis=1)


def _plain(raw: bytes, order: str, count: int) -> Array:
    words = len(raw) >= 2 * count
    entries: Array = np.frombuffer(raw[: len(raw) - len(raw) % 2] if words else raw, order + "u2" if words else "u1")
    return entries[:count].astype(np.uint16)


def _expanded(raw: bytes, order: str, count: int) -> Array:
    """A segmented table: runs that are given (0), lines to a value (1), and runs once more (2). Garbage ends it."""
    words = np.frombuffer(raw[: len(raw) - len(raw) % 2], order + "u2").astype(np.int64).tolist()
    found: list[int] = []
    _expand(words, 0, len(words), found, count)
    return np.array(found[:count], np.int64).clip(0, 0xFFFF).astype(np.uint16)


def _expand(words: list[int], at: int, segments: int, found: list[int], count: int, *, inner: bool = False) -> None:
    while at + 2 <= len(words) and segments > 0 and len(found) < count:
        kind, length = words[at], words[at + 1]
        segments -= 1
        if kind == 0:
            found.extend(words[at + 2 : at + 2 + length])
            at += 2 + length
        elif kind == 1 and at + 2 < len(words):
            start = found[-1] if found else 0
            found.extend(np.linspace(start, words[at + 2], length + 1).round().astype(int)[1:].tolist())
            at += 3
        elif kind == 2 and not inner and at + 3 < len(words):
            _expand(words, (words[at + 2] | words[at + 3] << 16) // 2, length, found, count, inner=True)
            at += 4
        else:
            return
