"""ICC profiles without words: what transforms colours stays, descriptions and whatever is unknown become zeros. Pure.

ICC.1:2022 section 7. The size stays, so nothing around a profile has to move.
"""

import struct

from pacs.dicom.elements import DataSet, Element

_TEXT_TYPES = {b"text": b"", b"desc": b"\0\0\0\1", b"mluc": b"\0\0\0\0\0\0\0\x0c"}
# Types of numbers alone: curves, matrices, look-up tables, measurement and viewing conditions.
_NUMBERS = frozenset((b"curv", b"para", b"XYZ ", b"sf32", b"mft1", b"mft2", b"mAB ", b"mBA ", b"mpet", b"chrm"))
_NUMBERS |= {b"meas", b"view", b"sig ", b"ui08", b"ui16", b"ui32", b"cicp", b"clrt"}
_HEADER, _ENTRY = 128, 12
_PROFILE, _OPTICAL_PATHS = 0x00282000, 0x00480105
# Header fields: creation date, platform, maker and model of the device, creator, profile id. Section 7.2.
_TELLING = ((24, 36), (40, 44), (48, 56), (80, 100))


def neutral_profile(profile: bytes) -> bytes:
    """The profile with its texts emptied; all zeros when it is no profile. The same length as before."""
    if len(profile) < _HEADER + 4 or profile[36:40] != b"acsp":
        return bytes(len(profile))
    out = bytearray(len(profile))
    out[:_HEADER] = profile[:_HEADER]
    for first, last in _TELLING:
        out[first:last] = bytes(last - first)
    out[100:_HEADER] = bytes(_HEADER - 100)
    count = struct.unpack_from(">I", profile, _HEADER)[0]
    end = _HEADER + 4 + count * _ENTRY
    if end > len(profile):
        return bytes(len(profile))
    out[_HEADER:end] = profile[_HEADER:end]
    for place in range(_HEADER + 4, end, _ENTRY):
        _signature, offset, size = struct.unpack_from(">4sII", profile, place)
        content = profile[offset : offset + size]
        kind = content[:4]
        if kind in _NUMBERS:
            out[offset : offset + len(content)] = content
        elif offset >= end and len(content) >= 8 + len(_TEXT_TYPES.get(kind, b"")):
            start = kind + bytes(4) + _TEXT_TYPES.get(kind, b"")
            out[offset : offset + len(start)] = start
    return bytes(out)


def without_descriptions(data_set: DataSet) -> DataSet:
    """A data set whose ICC profiles hold no words; itself when they hold none. PS3.3 C.11.15, C.8.12.5."""
    changed = None
    profile = data_set.get(_PROFILE)
    if profile is not None and len(profile.value):
        neutral = neutral_profile(bytes(profile.value))
        if neutral != profile.value:
            changed = DataSet(data_set)
            changed[_PROFILE] = Element(_PROFILE, "OB", neutral)
    paths = data_set.get(_OPTICAL_PATHS)
    if paths is not None and paths.items:
        items = [without_descriptions(item) for item in paths.items]
        if any(new is not old for new, old in zip(items, paths.items, strict=True)):
            changed = changed or DataSet(data_set)
            changed[_OPTICAL_PATHS] = Element(_OPTICAL_PATHS, "SQ", b"", items)
    return changed or data_set
