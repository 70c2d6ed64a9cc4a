"""The multipart reader gives back what was put in, however the bytes arrive, and never hangs on garbage."""

import contextlib
import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs.dicomweb.multipart import MultipartReader
from pacs.errors import BadRequest

BOUNDARY = "b-1"


def body(parts: list[bytes], boundary: str = BOUNDARY, preamble: bytes = b"", epilogue: bytes = b"") -> bytes:
    pieces = [preamble]
    for part in parts:
        pieces.append(b"--" + boundary.encode() + b"\r\nContent-Type: application/dicom\r\n\r\n" + part + b"\r\n")
    return b"".join(pieces) + b"--" + boundary.encode() + b"--" + epilogue


class Slowly:
    """Gives a body in pieces of random size, as a network does."""

    def __init__(self, raw: bytes, seed: int) -> None:
        self.source, self.random = io.BytesIO(raw), random.Random(seed)

    def read(self, size: int) -> bytes:
        return self.source.read(min(size, self.random.choice((1, 2, 3, 7, 50, 4096))))


def read(raw: bytes, seed: int = 0, boundary: str = BOUNDARY) -> list[bytes]:
    return [b"".join(part.data) for part in MultipartReader(Slowly(raw, seed).read, boundary).parts()]


tricky = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"b-1", b"\r\n--b-", b"\r\n--b-1x", b"x", b"\0" * 300]),
    max_size=12,
).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(st.lists(tricky | st.binary(max_size=400), max_size=5), st.integers(0, 2**16))
def test_gives_back_every_part(parts, seed):
    closing = (b"\r\n--b-1\r\n", b"\r\n--b-1--", b"\r\n--b-1 ", b"\r\n--b-1\t")
    whole = [b"\r\n" + part + b"\r\n" for part in parts]
    if any(mark in part for mark in closing for part in whole):
        return  # a part that holds its own delimiter is no such part
    assert read(body(parts), seed) == parts


@pytest.mark.parametrize("part", [b"--b-1\r", b"--b-1x", b"--b-10", b"--b-1\rx", b""])
def test_part_may_begin_like_a_delimiter(part):
    for seed in range(5):
        assert read(body([part]), seed) == [part]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=600) | tricky, st.integers(0, 2**16))
def test_garbage_ends_with_an_answer(raw, seed):
    with contextlib.suppress(BadRequest):
        read(raw, seed)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 400), st.integers(0, 2**16))
def test_cut_body_is_refused(cut, seed):
    raw = body([b"a" * 100, b"b" * 200])
    if cut >= len(raw):
        assert read(raw, seed) == [b"a" * 100, b"b" * 200]
        return
    with pytest.raises(BadRequest):
        read(raw[:cut], seed)


@pytest.mark.parametrize("boundary", ["a", "x" * 70, "'()+_,-./:=?", "----WebKitFormBoundary7MA4", "a b"])
def test_takes_all_boundary_characters(boundary):
    assert read(body([b"one", b"two"], boundary), boundary=boundary) == [b"one", b"two"]


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        (body([b"x"], preamble=b"preamble\r\n", epilogue=b"\r\nepilogue --b-1--"), [b"x"]),
        (b"--b-1  \t\r\n\r\nno headers\r\n--b-1--\r\n", [b"no headers"]),
        (b"--b-1\r\nA: 1\r\n\r\n\r\n--b-1--", [b""]),
        (b"--b-1\r\nA: 1\r\n\r\n--b-1--", [b""]),
        (b"--b-1\r\n\r\n--b-1--", [b""]),
        (b"--b-1--", []),
        (b"\r\n--b-1\r\nA: one\r\n two\r\n\r\nx\r\n--b-1--", [b"x"]),
        (b"--b-1\nA: one\n two\n\nx\r\n--b-1\n\n\ny\n--b-1--\n", [b"x\r", b"\ny"]),  # LF alone
        (b"a preamble\n--b-1 \n\n--b-1\nA: 1\n\n\n--b-1--", [b"", b""]),
        (b"--b-1\r\nA: 1\r\n\r\nx\n--b-1\ny\r\n--b-1--", [b"x\n--b-1\ny"]),  # LF in the data ends no line
    ],
)
def test_takes_unusual_but_lawful_forms(raw, parts):
    for seed in range(20):
        assert read(raw, seed) == parts


def test_headers_are_read_without_case():
    raw = b"--b-1\r\nCONTENT-type:  application/dicom \r\nX-Folded: a\r\n\tb\r\n\r\n\r\n--b-1--"
    (part,) = MultipartReader(io.BytesIO(raw).read, BOUNDARY).parts()
    assert part.headers == {"content-type": "application/dicom", "x-folded": "a b"}


@pytest.mark.parametrize(
    "raw", [b"--b-1\r\nno colon\r\n\r\nx\r\n--b-1--", b"--b-1\r\nA: " + b"x" * 20_000, b"", b"--b-1"]
)
def test_malformed_bodies_are_refused(raw):
    with pytest.raises(BadRequest):
        read(raw)


def test_large_part_is_never_in_memory():
    size, largest = 50_000_000, 0

    def chunks():
        yield b"--b-1\r\n\r\n"
        for _ in range(size // 100_000):
            yield b"\0" * 100_000
        yield b"\r\n--b-1--"

    source = chunks()
    total = 0
    for part in MultipartReader(lambda _size: next(source, b""), BOUNDARY).parts():
        for piece in part.data:
            largest, total = max(largest, len(piece)), total + len(piece)
    assert (total, largest < 1_000_000) == (size, True)


def test_what_is_left_of_a_part_is_skipped():
    reader = MultipartReader(io.BytesIO(body([b"a" * 10_000, b"b"])).read, BOUNDARY)
    assert [next(part.data)[:1] for part in reader.parts()] == [b"a", b"b"]
