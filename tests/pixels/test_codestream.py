"""What identifies inside codestreams goes; decoded pixels stay the same; clean streams are not copied."""

import struct
import zlib

import numpy as np
import pytest
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from pacs.dicom.elements import PIXEL_DATA, DataSet, Element
from pacs.errors import NotAcceptable
from pacs.pixels.codestream import clean_codestream, clean_pixel_value
from pacs.pixels.encapsulated import LENGTHS, OFFSETS, fragments_of
from pacs.pixels.icc import neutral_profile, without_descriptions
from pacs.pixels.image import image_of
from pacs.pixels.transcode import read_file
from pacs.pixels.video import check_video
from tests.dicom.real_files import real_files
from tests.pixels.pictures import as_object, ground, jpeg, labelled, parsed, seen, with_frames

SECRET = b"QUIXOTIC^DON 4711982"
COLOURS = np.stack([ground(), ground(seed=2), ground(seed=3)], -1)


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def planted(stream: bytes, *markers: int, content: bytes = SECRET) -> bytes:
    return stream[:2] + b"".join(segment(marker, content) for marker in markers) + stream[2:]


def frame_of(syntax: str, pixels: np.ndarray = COLOURS) -> bytes:
    data_set, _syntax = parsed(as_object(pixels, syntax))
    return bytes(fragments_of(data_set[PIXEL_DATA].value)[1][0][1])


def pixels_of(frame: bytes, syntax: str, pixels: np.ndarray = COLOURS) -> np.ndarray:
    data_set, _syntax = parsed(with_frames(as_object(pixels), [frame], syntax))
    return seen(data_set, syntax)


def _clean(data_set: DataSet, syntax: str) -> DataSet | None:
    image = image_of(data_set, syntax)
    assert image is not None
    return clean_pixel_value(image, None)


def stripped(data_set: DataSet, syntax: str) -> DataSet:
    cleaned = _clean(data_set, syntax)
    assert cleaned is not None
    return cleaned


STREAMS = {
    JPEGBaseline8Bit: lambda: jpeg(COLOURS),
    JPEGLSLossless: lambda: frame_of(JPEGLSLossless),
    JPEG2000Lossless: lambda: frame_of(JPEG2000Lossless),
}


@pytest.mark.parametrize("syntax", STREAMS)
def test_clean_stream_is_same_object(syntax):
    frame = STREAMS[syntax]()
    assert clean_codestream(frame, syntax) is frame


@pytest.mark.parametrize("marker", [0xFE, *range(0xE0, 0xF0)])
@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGLSLossless])
def test_jpeg_segments_go(syntax, marker):
    frame = STREAMS[syntax]()
    cleaned = clean_codestream(planted(frame, marker), syntax)
    assert bytes(cleaned) == frame


def test_exif_xmp_and_profile_go():
    frame = jpeg(COLOURS, exif=b"Exif\0\0" + SECRET, icc_profile=SECRET * 20, comment=SECRET)
    cleaned = bytes(clean_codestream(frame, JPEGBaseline8Bit))
    assert SECRET not in cleaned
    assert np.array_equal(pixels_of(cleaned, JPEGBaseline8Bit), pixels_of(frame, JPEGBaseline8Bit))


def test_thumbnail_of_jfif_goes():
    frame = jpeg(COLOURS)
    plain = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    assert plain in frame
    larger = frame.replace(plain, segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\2\2" + bytes(12)))
    assert bytes(clean_codestream(larger, JPEGBaseline8Bit)) == frame


def test_colour_transform_of_adobe_stays():
    adobe = b"Adobe\0\x64\0\0\0\0\1"
    frame = planted(jpeg(COLOURS), 0xEE, content=adobe)
    assert clean_codestream(frame, JPEGBaseline8Bit) is frame
    cleaned = clean_codestream(planted(jpeg(COLOURS), 0xEE, content=adobe + SECRET), JPEGBaseline8Bit)
    assert bytes(cleaned) == frame


def test_comment_between_scans_goes():
    frame = jpeg(COLOURS, progressive=True)
    scan = frame.rindex(b"\xff\xda")
    with_comment = frame[:scan] + segment(0xFE, SECRET) + frame[scan:]
    assert bytes(clean_codestream(with_comment, JPEGBaseline8Bit)) == frame


@pytest.mark.parametrize("syntax", STREAMS)
def test_bytes_after_the_end_go(syntax):
    frame = STREAMS[syntax]()
    assert bytes(clean_codestream(frame + SECRET + b"\xff\xd9", syntax)) == frame


def test_name_of_an_encoder_stays():
    frame = planted(jpeg(COLOURS), 0xFE, content=b"Created with GIMP")
    assert clean_codestream(frame, JPEGBaseline8Bit) is frame


def test_comment_of_jpeg_2000_goes():
    frame = frame_of(JPEG2000Lossless)
    size = frame.index(b"\xff\x52")
    comment = b"\xff\x64" + struct.pack(">HH", len(SECRET) + 4, 1) + SECRET
    cleaned = clean_codestream(frame[:size] + comment + frame[size:], JPEG2000Lossless)
    assert bytes(cleaned) == frame


def test_comment_in_tile_part_goes_and_length_fits():
    frame = frame_of(JPEG2000Lossless)
    tile, data = frame.index(b"\xff\x90"), frame.index(b"\xff\x93")
    comment = b"\xff\x64" + struct.pack(">HH", len(SECRET) + 4, 1) + SECRET
    (length,) = struct.unpack_from(">I", frame, tile + 6)
    longer = struct.pack(">I", length + len(comment))
    changed = frame[: tile + 6] + longer + frame[tile + 10 : data] + comment + frame[data:]
    assert bytes(clean_codestream(changed, JPEG2000Lossless)) == frame


def test_foreign_boxes_of_jp2_go():
    stream = frame_of(JPEG2000Lossless)

    def box(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I4s", len(content) + 8, kind) + content

    header = box(b"ihdr", struct.pack(">IIHBBBB", 100, 240, 3, 7, 7, 0, 0)) + box(b"colr", b"\1\0\0\0\0\0\x10")
    start = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    clean = start + box(b"jp2h", header) + box(b"jp2c", stream)
    dirty = (
        start + box(b"xml ", SECRET) + box(b"jp2h", header + box(b"xyz ", SECRET)) + box(b"uuid", bytes(16) + SECRET)
    )
    dirty += box(b"jp2c", stream) + box(b"free", SECRET)
    assert clean_codestream(clean, JPEG2000Lossless) is clean
    assert bytes(clean_codestream(dirty, JPEG2000Lossless)) == clean


def test_rle_header_and_tail_are_cleaned():
    data_set, syntax = parsed(as_object(ground(), RLELossless))
    _place, fragment = fragments_of(data_set[PIXEL_DATA].value)[1][0]
    frame = bytes(fragment)
    dirty = frame[:40] + b"SECRETS." + frame[48:] + SECRET
    changed, _syntax = parsed(with_frames(as_object(ground()), [dirty], RLELossless))
    image = image_of(changed, syntax)
    assert image is not None
    cleaned = clean_pixel_value(image, None)
    assert cleaned is not None
    value = bytes(cleaned[PIXEL_DATA].value)
    assert SECRET not in value
    assert b"SECRETS." not in value
    assert np.array_equal(seen(cleaned, syntax), ground())


@pytest.mark.parametrize("stream", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\0", b"nothing at all", b"\xff\x4f\xff\x51\0"])
@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEG2000Lossless, RLELossless])
def test_garbled_streams_are_refused(stream, syntax):
    with pytest.raises(NotAcceptable):
        clean_codestream(stream, syntax)


def test_offset_tables_follow_shorter_frames():
    frames = [planted(jpeg(ground(seed=n)), 0xFE, content=SECRET * (n + 1)) for n in range(3)]
    ds = with_frames(as_object(np.stack([ground()] * 3), frames=3), frames, JPEGBaseline8Bit, has_bot=True)
    data_set, syntax = parsed(ds)
    cleaned = stripped(data_set, syntax)
    table, fragments = fragments_of(cleaned[PIXEL_DATA].value)
    assert list(table) == [place for place, _content in fragments]
    assert SECRET not in bytes(cleaned[PIXEL_DATA].value)
    assert np.array_equal(seen(cleaned, syntax), seen(data_set, syntax))


def test_extended_tables_follow_shorter_frames():
    frames = [planted(jpeg(ground(seed=n)), 0xFE) for n in range(3)]
    ds = with_frames(as_object(np.stack([ground()] * 3), frames=3), [], JPEGBaseline8Bit)
    import pydicom

    value, offsets, lengths = pydicom.encaps.encapsulate_extended(frames)
    ds.PixelData, ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = value, offsets, lengths
    data_set, syntax = parsed(ds)
    cleaned = stripped(data_set, syntax)
    _table, fragments = fragments_of(cleaned[PIXEL_DATA].value)
    places = [place for place, _content in fragments]
    assert list(struct.unpack("<3Q", cleaned[OFFSETS].value)) == places
    assert list(struct.unpack("<3Q", cleaned[LENGTHS].value)) == [len(jpeg(ground(seed=n))) for n in range(3)]


def test_fragments_after_the_last_frame_go():
    ds = with_frames(as_object(ground(), NumberOfFrames=2), [jpeg(ground()), jpeg(ground(seed=2))], JPEGBaseline8Bit)
    data_set, syntax = parsed(ds)
    value = bytes(data_set[PIXEL_DATA].value)
    extra = struct.pack("<HHI", 0xFFFE, 0xE000, len(SECRET)) + SECRET
    data_set[PIXEL_DATA] = Element(PIXEL_DATA, "OB", value[:-8] + extra + value[-8:], encapsulated=True)
    cleaned = stripped(data_set, syntax)
    assert SECRET not in bytes(cleaned[PIXEL_DATA].value)


def test_bytes_after_native_pixels_go_without_copy():
    data_set, syntax = parsed(as_object(ground()))
    whole = bytes(data_set[PIXEL_DATA].value) + SECRET
    data_set[PIXEL_DATA] = Element(PIXEL_DATA, "OB", memoryview(whole))
    cleaned = stripped(data_set, syntax)
    value = cleaned[PIXEL_DATA].value
    assert isinstance(value, memoryview)
    assert value.obj is whole
    assert len(value) == ground().nbytes


@pytest.mark.parametrize("signed", [False, True])
def test_overlay_in_unused_bits_is_cleared(signed):
    proper = (ground().astype("<i2") - 40) * 16 if signed else ground().astype("<u2") * 16
    carrying = (proper.view("<u2") & 0x0FFF) | (np.arange(proper.size, dtype="<u2").reshape(proper.shape) % 2 << 14)
    ds = as_object(carrying.view(proper.dtype), BitsStored=12, HighBit=11)
    data_set, syntax = parsed(ds)
    cleaned = stripped(data_set, syntax)
    assert np.array_equal(np.frombuffer(cleaned[PIXEL_DATA].value, proper.dtype).reshape(proper.shape), proper)


def test_proper_signs_are_no_overlay():
    data_set, syntax = parsed(as_object((ground().astype("<i2") - 40) * 16, BitsStored=12, HighBit=11))
    assert _clean(data_set, syntax) is None


def test_descriptions_of_colour_profile_become_empty():
    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    neutral = neutral_profile(bytes(profile))
    assert len(neutral) == len(profile)
    assert b"sRGB" not in neutral
    assert b"P\0i\0c" not in neutral
    before, after = (ImageCms.ImageCmsProfile(__import__("io").BytesIO(each)) for each in (bytes(profile), neutral))
    assert before.profile.red_primary == after.profile.red_primary
    assert neutral_profile(neutral) == neutral
    assert neutral_profile(SECRET * 20) == bytes(len(SECRET) * 20)


def test_profile_of_optical_path_is_cleaned():
    item = DataSet()
    item.put(0x00282000, "OB", SECRET * 20)
    data_set = DataSet({0x00480105: Element(0x00480105, "SQ", b"", [item])})
    cleaned = without_descriptions(data_set)
    after = (cleaned[0x00480105].items or [])[0]
    assert not any(after[0x00282000].value)
    assert any(item[0x00282000].value)


@pytest.mark.parametrize(
    "stream",
    [
        b"\0\0\0\x18ftypmp42" + bytes(12) + b"\0\0\0\x20udta" + SECRET,
        b"\0\0\1\x67abc\0\0\1\x06\x05\x20" + SECRET,
        b"\0\0\1\xb3abc\0\0\1\xb2" + SECRET,
        b"\0\0\1\xc0" + SECRET,
    ],
)
def test_telling_video_is_refused(stream):
    with pytest.raises(NotAcceptable):
        check_video(stream)


def test_real_streams_decode_alike():
    for path in real_files(3_000_000):
        try:
            file = read_file(path)
            image = image_of(file.data_set, file.transfer_syntax_uid)
            cleaned = clean_pixel_value(image, None) if image is not None else None
        except Exception:  # no object, or a garbled one
            continue
        if image is None or cleaned is None:
            continue
        after = image_of(cleaned, file.transfer_syntax_uid)
        assert after is not None
        for number in range(image.count):
            assert np.array_equal(image.decoded(number)[0], after.decoded(number)[0]), path.name


def test_usual_object_is_not_copied():
    for syntax in (ExplicitVRLittleEndian, RLELossless, JPEGLSLossless, JPEG2000Lossless):
        data_set, _syntax = parsed(as_object(labelled(), syntax))
        assert _clean(data_set, syntax) is None


def test_deflated_bomb_is_bounded():
    from pacs.pixels.encapsulated import inflated_frame

    engine = zlib.compressobj(wbits=-15)
    bomb = engine.compress(bytes(1 << 24)) + engine.flush()
    assert len(inflated_frame(bomb, 1 << 10)) <= 1 << 10
