"""Huffman coding of sequential JPEG: tables, and where each block of an entropy-coded segment stands. Pure.

ISO/IEC 10918-1 Annex C and F. Nothing here believes the stream: what does not add up raises `NotAcceptable`.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pacs.errors import NotAcceptable
from pacs.pixels.image import Array

Bytes = npt.NDArray[np.uint8]
END_OF_BLOCK = 0x00
_ZEROS = 0xF0  # sixteen of them
_LONGEST = 16  # bits of a code
# Steps through a block of 64 numbers; the two odd ones can never be reached by adding up true ones.
_END, _WRONG = 100, 200
_BEHIND = 1024  # bytes of zero after a segment: more than one block can take


@dataclass(frozen=True, slots=False)
class HuffmanTable:
    """A table as DHT has it: how many codes there are of each length, and their symbols. B.2.4.2."""

    counts: bytes
    symbols: bytes

    @cached_property
    def codes(self) -> dict[int, str]:
        """The code of each symbol, in digits 0 and 1. Raises `NotAcceptable` for more codes than there can be."""
        out: dict[int, str] = {}
        code, place = 0, 0
        for length, count in enumerate(self.counts, 1):
            for symbol in self.symbols[place : place + count]:
                if code >> length:
                    raise NotAcceptable("a Huffman table of a JPEG frame has too many codes")
                out.setdefault(symbol, f"{code:0{length}b}")
                code += 1
            place += count
            code <<= 1
        return out

    @cached_property
    def lookup(self) -> tuple[Bytes, Bytes]:
        """For each 16 bits the length of the code that they begin with (0: none), and its symbol."""
        lengths, symbols = np.zeros(1 << _LONGEST, np.uint8), np.zeros(1 << _LONGEST, np.uint8)
        for symbol, digits in self.codes.items():
            rest = _LONGEST - len(digits)
            first = int(digits, 2) << rest
            lengths[first : first + (1 << rest)] = len(digits)
            symbols[first : first + (1 << rest)] = symbol
        return lengths, symbols

    @cached_property
    def value_bits(self) -> dict[int, str]:
        """Codes of differences that were asked for, with their value; see `difference_bits`."""
        return {}

    def with_symbols(self, wanted: Sequence[int]) -> "HuffmanTable":
        """The table with codes for these symbols too, behind those it has, which stay as they are. The code of all
        ones stays free, as the standard wants. Raises `NotAcceptable` where there is no room.
        """
        missing = [symbol for symbol in wanted if symbol not in self.codes]
        if not missing:
            return self
        longest = max((length for length, count in enumerate(self.counts, 1) if count), default=1)
        free = int(max(self.codes.values(), key=lambda digits: (len(digits), digits), default="0"), 2) + bool(
            self.codes
        )
        for length in range(longest, _LONGEST + 1):
            if (1 << length) - 1 - (free << (length - longest)) >= len(missing):
                counts = bytearray(self.counts)
                counts[length - 1] += len(missing)
                return HuffmanTable(bytes(counts), self.symbols + bytes(missing))
        raise NotAcceptable("a Huffman table of a JPEG frame has no room for another code")


def read_tables(segment: bytes) -> Iterator[tuple[int, HuffmanTable]]:
    """The tables of a DHT segment by class and number (0x00 to 0x13)."""
    position = 0
    while position + 17 <= len(segment):
        counts = segment[position + 1 : position + 17]
        size = sum(counts)
        symbols = segment[position + 17 : position + 17 + size]
        if len(symbols) != size:
            break
        yield segment[position], HuffmanTable(counts, symbols)
        position += 17 + size
    if position != len(segment):
        raise NotAcceptable("a Huffman table of a JPEG frame is cut off")


def written_tables(tables: Sequence[tuple[int, HuffmanTable]]) -> bytes:
    """A DHT segment with its marker."""
    body = b"".join(bytes([key]) + table.counts + table.symbols for key, table in tables)
    return struct.pack(">BBH", 0xFF, 0xC4, len(body) + 2) + body


def difference_bits(table: HuffmanTable, difference: int) -> str:
    """A DC difference. F.1.2.1. Raises `NotAcceptable` when the table has no code for its size."""
    found = table.value_bits.get(difference)
    if found is None:
        size = abs(difference).bit_length()
        if size not in table.codes:
            raise NotAcceptable("a Huffman table of a JPEG frame lacks a code that is needed")
        found = table.value_bits[difference] = table.codes[size] + _magnitude(difference, size)
    return found


def block_bits(table: HuffmanTable, numbers: Sequence[int]) -> str | None:
    """The 63 AC numbers of a block, in zigzag order. F.1.2.2. None when the table lacks a code."""
    out: list[str] = []
    zeros = 0
    for number in numbers:
        if not number:
            zeros += 1
            continue
        size = abs(number).bit_length()
        symbol = (zeros & 15) << 4 | size
        if size > 15 or symbol not in table.codes or (zeros > 15 and _ZEROS not in table.codes):
            return None
        if zeros > 15:
            out += [table.codes[_ZEROS]] * (zeros >> 4)
        out.append(table.codes[symbol] + _magnitude(number, size))
        zeros = 0
    if zeros:
        if END_OF_BLOCK not in table.codes:
            return None
        out.append(table.codes[END_OF_BLOCK])
    return "".join(out)


def _magnitude(number: int, size: int) -> str:
    if not size:
        return ""
    return f"{number if number > 0 else number + (1 << size) - 1:0{size}b}"


@dataclass(slots=True)
class Segment:
    """Entropy-coded data between two restart markers, without stuffed bytes, and where its blocks begin, in bits.

    `starts` has one entry more than there are blocks: the end.
    """

    content: bytes
    starts: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    _windows: Array | None = None

    @property
    def windows(self) -> Array:
        """The 16 bits that begin at each bit."""
        if self._windows is None:
            padded = np.frombuffer(self.content + bytes(_BEHIND), np.uint8).astype(np.uint32)
            three = padded[:-2] << 16 | padded[1:-1] << 8 | padded[2:]
            shifts = np.arange(8, 0, -1, dtype=np.uint32)
            self._windows = (three[:, None] >> shifts & 0xFFFF).astype(np.uint16).ravel()
        return self._windows

    def walk(self, units: Sequence[tuple[HuffmanTable, HuffmanTable]], count: int) -> None:
        """Find `starts` of `count` MCUs, each of blocks with these DC and AC tables."""
        dc = {id(table): self._dc_steps(table) for table, _ac in units}
        ac = {id(table): self._ac_steps(table) for _dc, table in units}
        starts: list[int] = []
        add = starts.append
        place, limit = 0, len(self.content) * 8
        steps = [(dc[id(first)], *ac[id(rest)]) for first, rest in units]
        for _mcu in range(count):
            for dc_step, ac_step, ac_run in steps:
                add(place)
                place += dc_step[place]
                number = 1
                while number < 64:
                    run = ac_run[place]
                    place += ac_step[place]
                    number += run
                if place > limit or (number != 64 and not _END < number < _WRONG):
                    raise NotAcceptable("a JPEG frame is garbled")
        add(place)
        self.starts = np.array(starts, np.int64)

    def _dc_steps(self, table: HuffmanTable) -> bytes:
        lengths, symbols = table.lookup
        return (lengths + np.minimum(symbols, 16))[self.windows].tobytes()

    def _ac_steps(self, table: HuffmanTable) -> tuple[bytes, bytes]:
        lengths, symbols = table.lookup
        runs = (symbols >> 4) + 1
        runs[(symbols & 15) == 0] = _WRONG
        runs[symbols == _ZEROS] = 16
        runs[symbols == END_OF_BLOCK] = _END
        runs[lengths == 0] = _WRONG
        return (lengths + (symbols & 15))[self.windows].tobytes(), runs[self.windows].tobytes()

    def differences(self, at: Array, table: HuffmanTable) -> tuple[Array, Array]:
        """DC differences of the blocks that begin at these bits, and where their AC numbers begin."""
        lengths, symbols = table.lookup
        begun = self.windows[at]
        sizes, behind = symbols[begun].astype(np.int64), at + lengths[begun]
        if (lengths[begun] == 0).any() or (sizes > 15).any():
            raise NotAcceptable("a JPEG frame is garbled")
        values = self.windows[behind].astype(np.int64) >> (16 - sizes)
        negative = (sizes > 0) & (values >> np.maximum(sizes - 1, 0) == 0)
        return np.where(negative, values - (1 << sizes) + 1, values), behind + sizes

    def numbers(self, place: int, table: HuffmanTable) -> list[int]:
        """The 63 AC numbers of a block whose AC part begins at a bit, in zigzag order."""
        lengths, symbols = table.lookup
        out = [0] * 64
        number = 1
        while number < 64:
            begun = self.windows[place]
            symbol = int(symbols[begun])
            place += int(lengths[begun])
            if symbol == END_OF_BLOCK:
                break
            number += symbol >> 4
            size = symbol & 15
            if size:
                value = int(self.windows[place]) >> (16 - size)
                out[number] = value if value >> (size - 1) else value - (1 << size) + 1
                place += size
            number += 1
        return out[1:]
