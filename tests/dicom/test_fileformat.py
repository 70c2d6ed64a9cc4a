"""PS3.10 files: fresh file meta, and finding the data set in what real senders write."""

import io
import zlib

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs import IMPLEMENTATION_CLASS_UID
from pacs.dicom.fileformat import file_start, inflate, read_start, stored_syntax, text_of
from pacs.dicom.syntaxes import DEFLATED_LE, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from pacs.errors import NotDicom, Refused, Truncated
from tests.builders import CT, ct_bytes

CONTENT = ct_bytes()


def test_fresh_meta_is_read_by_pydicom():
    start = file_start(CT, "1.2.3", EXPLICIT_LE)
    ds = pydicom.dcmread(io.BytesIO(start), force=False)
    assert ds.file_meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert ds.file_meta.TransferSyntaxUID == EXPLICIT_LE
    assert ds.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert ds.file_meta.FileMetaInformationGroupLength == len(start) - 144
    assert start[:128] == bytes(128)


def test_finds_the_data_set_behind_the_meta_group():
    start = read_start(CONTENT)
    assert start.transfer_syntax_uid == EXPLICIT_LE
    assert CONTENT[start.data_set_offset :][:2] == b"\x08\x00"
    assert text_of(start.meta, 0x00020002) == CT


def test_takes_a_meta_group_without_preamble():
    assert read_start(CONTENT[132:]).data_set_offset == read_start(CONTENT).data_set_offset - 132


def test_takes_a_wrong_group_length():
    wrong = CONTENT[:140] + b"\xff\xff\x00\x00" + CONTENT[144:]
    assert read_start(wrong).data_set_offset == read_start(CONTENT).data_set_offset


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100", EXPLICIT_LE),
        (b"\x08\x00\x05\x00\x0a\x00\x00\x00ISO_IR 100", IMPLICIT_LE),
        (b"\x00\x08\x00\x05CS\x00\x0aISO_IR 100", EXPLICIT_BE),
    ],
)
def test_tells_the_encoding_of_a_bare_data_set(start, expected):
    assert read_start(start + bytes(8)).transfer_syntax_uid == expected


@pytest.mark.parametrize("content", [b"", b"x", b"%PDF-1.7 and so on and so on", bytes(64), b"\xff" * 300])
def test_refuses_what_is_no_dicom(content):
    with pytest.raises(NotDicom):
        read_start(content)


@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(content):
    for start in (content, bytes(128) + b"DICM" + content, CONTENT[:132] + content):
        try:
            found = read_start(start)
        except Refused:
            continue
        assert 0 <= found.data_set_offset <= len(start)


@given(st.integers(0, len(CONTENT)))
def test_any_cut_is_read_or_refused(size):
    said = ""
    try:
        read_start(CONTENT[:size])
    except Refused as error:
        said = str(error)
    assert "Quixotic" not in said


def deflated(content: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return engine.compress(content) + engine.flush()


def test_inflates_within_its_limit():
    packed = deflated(CONTENT)
    assert b"".join(inflate(memoryview(packed), len(CONTENT))) == CONTENT
    with pytest.raises(NotDicom):
        list(inflate(memoryview(packed), len(CONTENT) - 1))


def test_cut_deflated_data_is_truncated():
    with pytest.raises(Truncated):
        list(inflate(memoryview(deflated(CONTENT)[:-5]), 1 << 20))


@given(st.binary(max_size=300))
def test_any_deflated_bytes_are_inflated_or_refused(content):
    try:
        list(inflate(memoryview(content), 1 << 16))
    except Refused:
        return


def test_deflated_objects_are_kept_inflated():
    assert stored_syntax(DEFLATED_LE) == EXPLICIT_LE
    assert stored_syntax(IMPLICIT_LE) == IMPLICIT_LE
