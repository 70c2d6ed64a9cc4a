"""Association requests made fit for the decoder: what is cut, left out, replaced, and what is too much."""

import struct

import pytest

from pacs.dimse.request import NO_CLASS, tidy
from pacs.errors import NotDicom

FIXED = bytes(4) + b"CALLED".ljust(16) + b"CALLING".ljust(16) + bytes(32)
CONTEXT = b"\1\0\0\0"
BAD = (b"", b"A\\B", b"A\x07", b"\xc4")  # as AE titles


def item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def test_leaves_a_plain_request_as_it_is():
    inner = CONTEXT + item(0x30, b"1.2.3") + item(0x40, b"1.2.840.10008.1.2")
    user = item(0x51, b"\0\0\x40\0") + item(0x52, b"1.2.3") + item(0x55, b"NAME")
    body = FIXED + item(0x10, b"1.2.840.10008.3.1.1.1") + item(0x20, inner) + item(0x50, user)
    assert tidy(body) == body


def test_leaves_out_unknown_items():
    known = item(0x50, item(0x51, b"\0\0\x40\0"))
    body = FIXED + item(0x99, b"more") + item(0x50, item(0x51, b"\0\0\x40\0") + item(0x5A, b"more"))
    assert tidy(body) == FIXED + known


@pytest.mark.parametrize(("sent", "kept"), [(b"A" * 20, b"A" * 16), (b"AB\0", b"AB"), (b"\x80A", b"A")])
def test_cuts_version_names(sent: bytes, kept: bytes):
    assert tidy(FIXED + item(0x50, item(0x55, sent))) == FIXED + item(0x50, item(0x55, kept))


@pytest.mark.parametrize("abstract", [b"", b"a b", b"1." * 33, item(0, b"")])
def test_replaces_an_abstract_syntax_that_is_no_uid(abstract: bytes):
    found = tidy(FIXED + item(0x20, CONTEXT + item(0x30, abstract) + item(0x40, b"1.2")))
    assert found == FIXED + item(0x20, CONTEXT + item(0x30, NO_CLASS) + item(0x40, b"1.2"))


@pytest.mark.parametrize(("sent", "kept"), [(b"AB\0", b"AB"), (b" AB", b" AB"), *((each, b"?" * 16) for each in BAD)])
def test_replaces_titles_that_are_none(sent: bytes, kept: bytes):
    assert tidy(bytes(4) + sent.ljust(16) + FIXED[20:]) == bytes(4) + kept.ljust(16) + FIXED[20:]


def test_refuses_a_context_id_that_comes_twice():
    one = item(0x20, CONTEXT + item(0x30, b"1.2.3") + item(0x40, b"1.2"))
    with pytest.raises(NotDicom):
        tidy(FIXED + one + one)


@pytest.mark.parametrize("body", [b"\x20\0", b"\x20\0\0\x09\1", item(0x20, b"\2\0\0\0"), item(0x20, b"\1")])
def test_refuses_what_cannot_be_read(body: bytes):
    with pytest.raises(NotDicom):
        tidy(FIXED + body)
