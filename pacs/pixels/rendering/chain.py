"""Which transformations an object asks for: rescaling, window or table, inversion. PS3.3 C.7.6.16.2, C.11.1, C.11.2."""

from dataclasses import replace

import numpy as np

from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import Encoding
from pacs.pixels.image import Array, Format
from pacs.pixels.rendering.attributes import code, holders, item_of, number, numbers, words
from pacs.pixels.rendering.extent import extent
from pacs.pixels.rendering.greys import Chain, Range, Table, Voi, value_range
from pacs.pixels.rendering.options import LINEAR, LINEAR_EXACT, SIGMOID, Look, Window
from pacs.pixels.transcode import StoredFile

_MODALITY = 0x00080060
_RESCALING, _FRAME_VOI = 0x00289145, 0x00289132
_INTERCEPT, _SLOPE, _MODALITY_TABLES = 0x00281052, 0x00281053, 0x00283000
_CENTER, _WIDTH, _FUNCTION, _VOI_TABLES = 0x00281050, 0x00281051, 0x00281056, 0x00283010
_DESCRIPTOR, _ENTRIES = 0x00283002, 0x00283006
_PADDING, _PADDING_LIMIT = 0x00280120, 0x00280121
_SHAPE, _PRESENTATION_TABLES = 0x20500020, 0x20500010
_SEGMENTATION, _LARGEST_FRACTION = 0x00620001, 0x0062000E
_FUNCTIONS = {"LINEAR": LINEAR, "LINEAR_EXACT": LINEAR_EXACT, "SIGMOID": SIGMOID}


def chain_of(file: StoredFile, frame: int, pixels: Array, now: Format, look: Look) -> Chain:
    """The transformations of a grey frame (from 0); the look's window takes the place of the object's own.

    Without any, the range of the object's numbers is shown, padding aside; so are small pictures of PET, whose own
    window spans all that the scanner could have counted, which is nearly black.
    """
    data_set, encoding = file.data_set, file.encoding
    chain = with_modality(Chain(), data_set, encoding, frame, signed=now.signed)
    voi: Voi | None = look.window
    if voi is None and not (look.coarse and code(data_set, _MODALITY) == "PT"):
        voi = voi_of(data_set, encoding, frame, signed=now.signed)
    if voi is None:
        voi = _whole_range(file, pixels, now, chain)
    inverted = now.photometric == "MONOCHROME1" or code(data_set, _SHAPE) == "INVERSE"
    return replace(chain, voi=voi, inverted=inverted)


def with_modality(chain: Chain, data_set: DataSet, encoding: Encoding, frame: int, *, signed: bool) -> Chain:
    """A chain with the modality transformation that a data set has; as it was when it has none."""
    tables = item_of(data_set, _MODALITY_TABLES)
    table = table_of(tables, encoding, signed=signed) if tables is not None else None
    if table is not None:
        return replace(chain, modality=table)
    for holder in holders(data_set, frame, _RESCALING):
        slope, intercept = number(holder, _SLOPE, encoding), number(holder, _INTERCEPT, encoding)
        if slope is not None or intercept is not None:
            return replace(chain, slope=slope or 1.0, intercept=intercept or 0.0, modality=None)
    return chain


def voi_of(data_set: DataSet, encoding: Encoding, frame: int, *, signed: bool) -> Voi | None:
    """The first valid window, else the first table; None without either."""
    for holder in holders(data_set, frame, _FRAME_VOI):
        center, width = number(holder, _CENTER, encoding), number(holder, _WIDTH, encoding)
        if center is not None and width is not None:
            found = Window(center, width, _FUNCTIONS.get(code(holder, _FUNCTION), LINEAR))
            if found.valid:
                return found
    tables = item_of(data_set, _VOI_TABLES)
    return table_of(tables, encoding, signed=signed) if tables is not None else None


def table_of(item: DataSet, encoding: Encoding, *, signed: bool) -> Table | None:
    """The table of a LUT sequence's item; None when it is garbled. PS3.3 C.11.1.1.1."""
    descriptor, data = item.get(_DESCRIPTOR), item.get(_ENTRIES)
    if descriptor is None or data is None or len(descriptor.value) < 6:
        return None
    count, first, bits = words(descriptor, encoding)[:3]
    count = count or 65536
    if (signed or descriptor.vr == "SS") and first > 0x7FFF:
        first -= 0x10000
    raw = bytes(data.value)
    if len(raw) >= 2 * count:
        entries = np.array(words(data, encoding)[:count], np.uint16)
    else:
        entries = np.frombuffer(raw, np.uint8)[:count].astype(np.uint16)
    if not len(entries):
        return None
    bits = min(max(bits, int(entries.max()).bit_length(), 1), 16)
    return Table(first, entries.tobytes(), bits)


def _whole_range(file: StoredFile, pixels: Array, now: Format, chain: Chain) -> Range:
    data_set, encoding = file.data_set, file.encoding
    kind = code(data_set, _SEGMENTATION)
    if now.bits_stored == 1 or kind == "BINARY":
        low, high = (float(each) for each in np.sort(chain.rescaled(np.array((0.0, 1.0)))))
        return Range(low, high)
    if kind == "FRACTIONAL":
        return Range(0.0, number(data_set, _LARGEST_FRACTION, encoding) or 255.0)
    padding = padding_of(data_set, encoding, now)
    ends = extent(file, padding) if len(file.frames) > 1 else value_range(pixels, now, padding) or (0.0, 0.0)
    low, high = (float(each) for each in np.sort(chain.rescaled(np.array(ends, np.float64))))
    return Range(low, high)


def padding_of(data_set: DataSet, encoding: Encoding, now: Format) -> tuple[float, float] | None:
    """The stored numbers that stand for padding, both ends inclusive. PS3.3 C.7.5.1.1.2."""
    value = numbers(data_set, _PADDING, encoding)
    if not value:
        return None
    ends = [value[0], *numbers(data_set, _PADDING_LIMIT, encoding)[:1]]
    if now.signed and data_set[_PADDING].vr == "US":  # written with the wrong VR, as often happens
        ends = [each - 0x10000 if each > 0x7FFF else each for each in ends]
    return min(ends), max(ends)


def presentation_table(data_set: DataSet, encoding: Encoding) -> Table | None:
    """The presentation table of a state or image. PS3.3 C.11.6."""
    item = item_of(data_set, _PRESENTATION_TABLES)
    return table_of(item, encoding, signed=False) if item is not None else None
