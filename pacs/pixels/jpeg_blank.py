"""Rectangles of a sequential Huffman-coded JPEG frame made black without decoding the rest. Pure.

Every 8x8 block outside the rectangles keeps its coefficients, for their coded bits are copied; only the DC difference
of a block behind a changed one is written anew. Blocks wholly inside become flat. Of a block that a rectangle cuts, the
part inside is filled, and the block is transformed and quantized again, so that a mark beside a name stays readable.
Quantization, sampling, tables and restart intervals stay; a code that a table lacks is added behind its own.
ISO/IEC 10918-1 Annex A, B and F. Baseline and extended (8 and 12 bits); anything else raises `NotAcceptable`.
"""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pacs.errors import NotAcceptable
from pacs.pixels.image import Array
from pacs.pixels.jpeg_huffman import (
    END_OF_BLOCK,
    HuffmanTable,
    Segment,
    block_bits,
    difference_bits,
    read_tables,
    written_tables,
)
from pacs.pixels.jpeg_segments import EOI, SEQUENTIAL, SOI, SOS, marker_segments
from pacs.pixels.ocr import Box

_SOF = frozenset((*range(0xC0, 0xD0),)) - {0xC4, 0xC8, 0xCC}
_DHT, _DQT, _DRI, _DNL, _DAC = 0xC4, 0xDB, 0xDD, 0xDC, 0xCC
_CODED = -1  # no marker: what follows a scan's header
_RESTART = re.compile(rb"(?<!\xff)\xff++[\xd0-\xd7]")  # a run of fill bytes is looked at once, not from each of them
_ZIGZAG = np.array(
    [row * 8 + column for row, column in sorted(
        ((row, column) for row in range(8) for column in range(8)),
        key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]),
    )]
)  # fmt: skip
_MOST_PIXELS = 1 << 28
_BITS = 13  # of the fractions in the transform: whole numbers give the same result on every machine
_COSINES = np.cos((2 * np.arange(8) + 1) * np.arange(8)[:, None] * np.pi / 16) / 2
_COSINES[0] /= np.sqrt(2)
_TRANSFORM = np.round(_COSINES * (1 << _BITS)).astype(np.int64)


@dataclass(slots=True)
class _Component:
    across: int  # sampling factors
    down: int
    quantization: int
    size: tuple[int, int] = (0, 0)  # in its own samples: rows, columns
    inside: Array = field(default_factory=lambda: np.zeros(0, bool))  # (rows, columns, 8, 8) of blocks


@dataclass(slots=True)
class _Frame:
    """What the frame header says. B.2.2."""

    precision: int
    rows: int
    columns: int
    components: dict[int, _Component]

    @property
    def across(self) -> int:
        return max(each.across for each in self.components.values())

    @property
    def down(self) -> int:
        return max(each.down for each in self.components.values())

    @property
    def mcus(self) -> tuple[int, int]:
        """Rows and columns of interleaved MCUs."""
        return -(-self.rows // (8 * self.down)), -(-self.columns // (8 * self.across))


def widened(stream: bytes, boxes: Sequence[Box]) -> list[Box]:
    """The boxes as far as `blank_jpeg` changes pixels for them: to whole blocks of the coarsest component, and one
    pixel more where decoders smooth chrominance over the edges of blocks.
    """
    frame = _read_frame(stream)
    across, down = 8 * frame.across, 8 * frame.down
    beside, below = int(frame.across > 1), int(frame.down > 1)
    return [
        Box(
            max(left // across * across - beside, 0),
            max(top // down * down - below, 0),
            min(-(-right // across) * across + beside, frame.columns),
            min(-(-bottom // down) * down + below, frame.rows),
        )
        for left, top, right, bottom in boxes
    ]


def blank_jpeg(stream: bytes, boxes: Sequence[Box], black: Sequence[int]) -> bytes:
    """The frame with these rectangles filled; `black` has a number for each component.

    Raises `NotAcceptable` for what is no sequential Huffman-coded stream, is damaged, or has no room for codes.
    """
    frame = _read_frame(stream)
    if len(black) != len(frame.components):
        raise NotAcceptable("a JPEG frame has another number of components than the object")
    for component in frame.components.values():
        _mark(frame, component, boxes)
    work = _Work(frame, dict(zip(frame.components, black, strict=True)))
    return b"".join(work.piece(*each) for each in _pieces(stream))


def _pieces(stream: bytes) -> list[tuple[int, bytes, bytes]]:
    """Marker, bytes and content of each segment; entropy-coded data has the marker -1. Fill bytes are left out."""
    out = [(SOI, stream[:2], b"")]
    for marker, _start, content, end, following in marker_segments(memoryview(stream)):
        if marker == EOI:
            return [*out, (marker, stream[content - 2 :], b"")]
        out.append((marker, stream[content - 4 : end], stream[content:end]))
        if marker == SOS:
            out.append((_CODED, stream[end:following], b""))
    raise NotAcceptable("a JPEG frame is cut off")


def _read_frame(stream: bytes) -> _Frame:
    headers = [(marker, body) for marker, _raw, body in _pieces(stream) if marker in _SOF or marker == _DNL]
    if len(headers) != 1 or headers[0][0] not in SEQUENTIAL or len(headers[0][1]) < 6:
        raise NotAcceptable("a JPEG frame is not sequential")
    body = headers[0][1]
    precision, rows, columns, count = struct.unpack_from(">BHHB", body)
    is_whole = len(body) == 6 + 3 * count and 1 <= count <= 4 and 0 < rows * columns <= _MOST_PIXELS
    if not is_whole or precision not in (8, 12):
        raise NotAcceptable("the header of a JPEG frame is garbled")
    components = {}
    for number in range(count):
        name, sampling, table = body[6 + 3 * number : 9 + 3 * number]
        if not 1 <= sampling >> 4 <= 4 or not 1 <= sampling & 15 <= 4:
            raise NotAcceptable("the header of a JPEG frame is garbled")
        components[name] = _Component(sampling >> 4, sampling & 15, table)
    frame = _Frame(precision, rows, columns, components)
    for each in components.values():
        each.size = -(-rows * each.down // frame.down), -(-columns * each.across // frame.across)
    if len(components) != count or any(frame.across % c.across or frame.down % c.down for c in components.values()):
        raise NotAcceptable("a JPEG frame is sampled in a way that cannot be blanked")
    return frame


def _mark(frame: _Frame, component: _Component, boxes: Sequence[Box]) -> None:
    """Which samples of a component lie in the boxes; those at the image's edge reach to the end of the last block."""
    rows, columns = frame.mcus[0] * component.down * 8, frame.mcus[1] * component.across * 8
    inside = np.zeros((rows, columns), bool)
    for box in boxes:
        left, top = box.left * component.across // frame.across, box.top * component.down // frame.down
        right = -(-box.right * component.across // frame.across) if box.right < frame.columns else columns
        bottom = -(-box.bottom * component.down // frame.down) if box.bottom < frame.rows else rows
        inside[top:bottom, left:right] = True
    component.inside = inside.reshape(rows // 8, 8, columns // 8, 8).swapaxes(1, 2)


@dataclass(slots=True)
class _Work:
    """What was read of a stream so far."""

    frame: _Frame
    black: dict[int, int]
    huffman: dict[int, HuffmanTable] = field(default_factory=dict)
    quantization: dict[int, Array] = field(default_factory=dict)
    interval: int = 0
    scan: list[tuple[int, int, int]] = field(default_factory=list)  # component, DC and AC table
    scanned: set[int] = field(default_factory=set)

    def piece(self, marker: int, raw: bytes, body: bytes) -> bytes:
        """A segment as it stands in the result."""
        if marker == _CODED:
            return self.coded(raw)
        if marker == _DHT:
            return self.tables(raw, body)
        if marker == _DQT:
            self.quantizers(body)
        elif marker == _DRI and len(body) == 2:
            self.interval = int.from_bytes(body, "big")
        elif marker == SOS:
            self.start_scan(body)
        elif marker == _DAC:
            raise NotAcceptable("a JPEG frame is not Huffman coded")
        return raw

    def start_scan(self, body: bytes) -> None:
        """The header of a scan. A sequential frame has all of a component in one scan. B.2.1, B.2.3."""
        count = body[0] if body else 0
        pairs = [(body[1 + 2 * n], body[2 + 2 * n]) for n in range(count)] if len(body) == 4 + 2 * count else []
        self.scan = [(name, tables >> 4, 0x10 | tables & 15) for name, tables in pairs]
        if (
            not self.scan
            or body[-3:] != b"\x00\x3f\x00"
            or any(c not in self.frame.components for c, _, _ in self.scan)
        ):
            raise NotAcceptable("a JPEG frame is not sequential")
        for name, _dc, _ac in self.scan:
            if name in self.scanned:  # thousands of scans of all blocks would keep us busy
                raise NotAcceptable("a JPEG frame has a component in two scans")
            self.scanned.add(name)

    def tables(self, raw: bytes, body: bytes) -> bytes:
        """Huffman tables, with codes for whatever a filled block and the one behind it may need."""
        largest = 11 if self.frame.precision == 8 else 15
        before = list(read_tables(body))
        after = [(k, t.with_symbols(range(largest + 1) if k < 0x10 else (END_OF_BLOCK,))) for k, t in before]
        self.huffman.update(after)
        return raw if before == after else written_tables(after)

    def quantizers(self, body: bytes) -> None:
        """Quantization tables, in zigzag order. B.2.4.1."""
        position = 0
        while position < len(body):
            wide = body[position] >> 4
            size = 128 if wide else 64
            table = np.frombuffer(body[position + 1 : position + 1 + size], ">u2" if wide else "u1").astype(np.int64)
            if len(table) != 64 or not table.all():
                raise NotAcceptable("a quantization table of a JPEG frame is garbled")
            self.quantization[body[position] & 15] = table
            position += 1 + size

    def coded(self, raw: bytes) -> bytes:
        """The entropy-coded data of a scan: those restart intervals that a rectangle touches are written anew."""
        order, per_mcu, mcus = self.order()
        interval = self.interval or mcus
        parts, ends = [], [*_RESTART.finditer(raw)] if self.interval else []
        if len(ends) != -(-mcus // interval) - 1:
            raise NotAcceptable("a JPEG frame has another number of restart intervals than its header says")
        place = 0
        for number in range(len(ends) + 1):
            content = raw[place : ends[number].start()] if number < len(ends) else raw[place:]
            first, last = number * interval * per_mcu, min((number + 1) * interval, mcus) * per_mcu
            parts.append(self.interval_of(content, [column[first:last] for column in order], per_mcu))
            if number < len(ends):
                parts.append(ends[number][0])
                place = ends[number].end()
        return b"".join(parts)

    def order(self) -> tuple[list[Array], int, int]:
        """For every block of a scan in its order: which of the scan's components, its row, its column. A.2."""
        components = [self.frame.components[name] for name, _dc, _ac in self.scan]
        if len(components) == 1:
            rows, columns = (-(-side // 8) for side in components[0].size)
            row, column = np.divmod(np.arange(rows * columns), columns)
            return [np.zeros(rows * columns, np.int64), row, column], 1, rows * columns
        rows, columns = self.frame.mcus
        units = [(n, v, h) for n, c in enumerate(components) for v in range(c.down) for h in range(c.across)]
        which, down, across = (np.array(each) for each in zip(*units, strict=True))
        row, column = (each[:, None] for each in np.divmod(np.arange(rows * columns), columns))
        high, wide = (np.array([getattr(components[n], side) for n in which]) for side in ("down", "across"))
        every = (np.broadcast_to(which, (rows * columns, len(units))), row * high + down, column * wide + across)
        return [each.ravel() for each in every], len(units), rows * columns

    def interval_of(self, raw: bytes, order: list[Array], per_mcu: int) -> bytes:
        """One restart interval."""
        which, row, column = order
        touched, whole = np.zeros(len(which), bool), np.zeros(len(which), bool)
        for number, (name, _dc, _ac) in enumerate(self.scan):
            own = which == number
            inside = self.frame.components[name].inside[row[own], column[own]]
            touched[own], whole[own] = inside.any(axis=(1, 2)), inside.all(axis=(1, 2))
        if not touched.any():
            return raw
        if len(which) > 4 * len(raw):  # a block takes two bits at least
            raise NotAcceptable("a JPEG frame is cut off")
        segment = Segment(raw.replace(b"\xff\x00", b"\xff"))
        try:
            tables = [(self.huffman[dc], self.huffman[ac]) for _name, dc, ac in self.scan]
            segment.walk([tables[number] for number in which[:per_mcu]], len(which) // per_mcu)
            changes = [
                change
                for number, pair in enumerate(tables)
                for change in self.changes(segment, number, pair, (touched, whole), order)
            ]
        except (KeyError, IndexError):
            raise NotAcceptable("a JPEG frame is garbled") from None
        return _rewritten(segment, sorted(changes))

    def changes(
        self,
        segment: Segment,
        number: int,
        tables: tuple[HuffmanTable, HuffmanTable],
        masks: tuple[Array, Array],
        order: list[Array],
    ) -> list[tuple[int, int, str]]:
        """What to write for one component: from which bit, to which, and the digits."""
        own = np.flatnonzero(order[0] == number)
        touched, whole = (mask[own] for mask in masks)
        starts, ends = segment.starts[own], segment.starts[own + 1]
        before, behind = segment.differences(starts, tables[0])
        old = np.cumsum(before)
        name = self.scan[number][0]
        quantizer = self.quantization[self.frame.components[name].quantization]
        black = (self.black[name] - (1 << self.frame.precision - 1)) * 8 / int(quantizer[0])
        new = np.where(touched, round(black), old)
        rest = {int(at): tables[1].codes[END_OF_BLOCK] for at in np.flatnonzero(touched)}
        cut = np.flatnonzero(touched & ~whole)
        if len(cut):
            blocks = np.array([[old[at], *segment.numbers(int(behind[at]), tables[1])] for at in cut], np.int64)
            inside = self.frame.components[name].inside[order[1][own][cut], order[2][own][cut]]
            filled = _filled(blocks, quantizer, inside, self.black[name], self.frame.precision)
            for at, block in zip(cut, filled.tolist(), strict=True):
                digits = block_bits(tables[1], block[1:])
                if digits is not None:  # else it becomes flat as those inside are
                    rest[int(at)], new[at] = digits, block[0]
        after = np.diff(new, prepend=0)
        return [
            (
                int(starts[at]),
                int(ends[at] if touched[at] else behind[at]),
                difference_bits(tables[0], int(after[at])) + rest.get(int(at), ""),
            )
            for at in np.flatnonzero(touched | (after != before))
        ]


def _filled(blocks: Array, quantizer: Array, inside: Array, black: int, precision: int) -> Array:
    """Quantized blocks in zigzag order, their samples inside filled."""
    square = np.zeros_like(blocks)
    square[:, _ZIGZAG] = blocks * quantizer
    middle, half = 1 << (precision - 1), 1 << (2 * _BITS - 1)
    samples = _TRANSFORM.T @ square.reshape(-1, 8, 8) @ _TRANSFORM
    samples = (samples + half >> 2 * _BITS).clip(-middle, middle - 1)
    samples[inside] = black - middle
    found = (_TRANSFORM @ samples @ _TRANSFORM.T).reshape(-1, 64)[:, _ZIGZAG]
    scale = quantizer << 2 * _BITS
    out: Array = np.sign(found) * ((np.abs(found) + (scale >> 1)) // scale)
    return out


def _rewritten(segment: Segment, changes: list[tuple[int, int, str]]) -> bytes:
    """The coded data with some of its bits replaced, filled up with ones, bytes stuffed again. F.1.2.3."""
    bits = np.unpackbits(np.frombuffer(segment.content, np.uint8))
    pieces, place = [], 0
    for start, end, digits in changes:
        pieces += [bits[place:start], np.frombuffer(digits.encode(), np.uint8) & 1]
        place = end
    pieces.append(bits[place : int(segment.starts[-1])])
    every = np.concatenate(pieces)
    every = np.concatenate([every, np.ones(-len(every) % 8, np.uint8)])
    return np.packbits(every).tobytes().replace(b"\xff", b"\xff\x00")
