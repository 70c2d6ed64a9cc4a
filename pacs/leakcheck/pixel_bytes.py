"""Bytes that hide in pixel data and overlays: metadata of codestreams, what follows the last frame, unused bits.

The image itself is read by the OCR reader, not here.
"""

import struct
from collections.abc import Iterator

import numpy as np

from pacs.dicom.elements import PIXEL_DATA, Buffer, DataSet
from pacs.leakcheck.codestreams import metadata, streams
from pacs.mapped import in_parts

_ROWS, _COLUMNS, _SAMPLES, _FRAMES = 0x00280010, 0x00280011, 0x00280002, 0x00280008
_ALLOCATED, _STORED, _HIGH, _SIGNED, _PHOTOMETRIC = 0x00280100, 0x00280101, 0x00280102, 0x00280103, 0x00280004


def hidden_bytes(data_set: DataSet, *, little_endian: bool) -> Iterator[bytes]:
    """All that the pixel data of one data set or item carries besides its image."""
    element = data_set.get(PIXEL_DATA)
    if element is None or not element.value:
        return
    if element.encapsulated:
        for stream in streams(element.value):
            yield from metadata(stream)
        return
    order = "<" if little_endian else ">"
    allocated = _number(data_set, _ALLOCATED, order)
    yield from _tail(data_set, element.value, allocated, order)
    if allocated == 16:
        yield from _unused_bits(data_set, element.value, order)


def _number(data_set: DataSet, tag: int, order: str, missing: int = 0) -> int:
    element = data_set.get(tag)
    if element is None or len(element.value) < 2:
        return missing
    if element.vr == "IS":
        text = bytes(element.value).strip(b" \0")
        return int(text) if text.isdigit() else missing
    number: int = struct.unpack_from(order + "H", element.value)[0]
    return number


def _tail(data_set: DataSet, value: Buffer, allocated: int, order: str) -> Iterator[bytes]:
    """Bytes behind the last frame. PS3.5 8.1.1 has only one of padding."""
    samples = _number(data_set, _SAMPLES, order, 1)
    pixels = _number(data_set, _ROWS, order) * _number(data_set, _COLUMNS, order)
    bits = pixels * samples * allocated * (_number(data_set, _FRAMES, order, 1) or 1)
    if b"422" in bytes(data_set[_PHOTOMETRIC].value) if _PHOTOMETRIC in data_set else False:
        bits = bits * 2 // 3
    tail = bytes(memoryview(value)[-(-bits // 8) :]) if bits else b""
    if tail.strip(b"\0"):
        yield tail


def _unused_bits(data_set: DataSet, value: Buffer, order: str) -> Iterator[bytes]:
    """Bits above the pixel's own, put together to bytes: plane by plane, and nibble by nibble."""
    stored, high = _number(data_set, _STORED, order), _number(data_set, _HIGH, order)
    if not 0 < stored < 16 or high != stored - 1:
        return
    signed = bool(_number(data_set, _SIGNED, order))
    for part in in_parts(value):  # of a long value each part by itself
        words = np.frombuffer(part, order + "u2", len(part) // 2)
        if signed:
            used = _differs(words >> high, 16 - high)
        else:
            used = bool(int(np.bitwise_or.reduce(words, initial=0)) >> stored)
        if used:
            yield from _assembled(words >> stored, 16 - stored)


def _differs(above: np.ndarray, bits: int) -> bool:
    """Whether bits above a signed pixel are not all copies of its sign."""
    return bool(((above != 0) & (above != (1 << bits) - 1)).any())


def _assembled(above: np.ndarray, bits: int) -> Iterator[bytes]:
    for plane in range(bits):
        taken = (above >> plane & 1).astype(np.uint8)
        if taken.any():
            yield np.packbits(taken, bitorder="little").tobytes()
            yield np.packbits(taken, bitorder="big").tobytes()
    if bits >= 8:
        yield (above & 0xFF).astype(np.uint8).tobytes()
    elif bits >= 4:
        nibbles = (above & 0xF).astype(np.uint8)[: len(above) // 2 * 2]
        yield (nibbles[::2] | nibbles[1::2] << 4).tobytes()
        yield (nibbles[::2] << 4 | nibbles[1::2]).tobytes()
