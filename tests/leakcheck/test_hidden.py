"""Identity that is no plain text: in codestreams, bits, documents, codes; ages. Limits against false alarms too."""

import base64
import struct
import zlib

import numpy as np
import pytest

from pacs.dicom.elements import DataSet, Element
from pacs.leakcheck import Context, check
from tests.dicom.raw_objects import EXPLICIT, raw
from tests.leakcheck.pairs import KERNEL, NAME, PATIENT_ID, found, rules

PERSON = [(NAME, "PN", "Quixotic^Zebulon"), (PATIENT_ID, "LO", "MRN-778812")]
PIXELS, COMMENTS, AGE = 0x7FE00010, 0x00204000, 0x00101010
SECRET = b"of Quixotic MRN-778812"


def encapsulated(*frames: bytes) -> DataSet:
    """An object whose pixel data are these frames."""
    parts = [struct.pack("<HHI", 0xFFFE, 0xE000, 0)]
    parts += [struct.pack("<HHI", 0xFFFE, 0xE000, len(frame)) + frame for frame in frames]
    value = b"".join(parts) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return DataSet({PIXELS: Element(PIXELS, "OB", value, None, True)})


def native(values: np.ndarray, stored: int, signed: int = 0, tail: bytes = b"") -> DataSet:
    """An object with 16-bit pixels."""
    ds = raw(
        (0x00280002, "US", struct.pack("<H", 1)),
        (0x00280010, "US", struct.pack("<H", values.shape[0])),
        (0x00280011, "US", struct.pack("<H", values.shape[1])),
        (0x00280100, "US", struct.pack("<H", 16)),
        (0x00280101, "US", struct.pack("<H", stored)),
        (0x00280102, "US", struct.pack("<H", stored - 1)),
        (0x00280103, "US", struct.pack("<H", signed)),
    )
    ds.put(PIXELS, "OW", values.astype("<u2").tobytes() + tail)
    return ds


def segment(marker: int, content: bytes) -> bytes:
    """A marker segment."""
    return struct.pack(">HH", marker, len(content) + 2) + content


def box(name: bytes, content: bytes) -> bytes:
    """A box of JP2 or MP4."""
    return struct.pack(">I", len(content) + 8) + name + content


JPEG = (
    b"\xff\xd8" + segment(0xFFDB, b"\0" * 65) + b"%s" + segment(0xFFDA, b"\0" * 6) + b"\x12\xff\0\x34" * 9 + b"\xff\xd9"
)
J2K = b"\xff\x4f" + segment(0xFF51, b"\0" * 36) + b"%s" + struct.pack(">HHHIBB", 0xFF90, 10, 0, 20, 0, 1) + b"\xff\x93"
STREAMS = {
    "JPEG COM": JPEG % segment(0xFFFE, SECRET),
    "JPEG APP1": JPEG % segment(0xFFE1, b"Exif\0\0" + SECRET),
    "JPEG behind the image": JPEG % b"" + SECRET,
    "J2K COM": J2K % segment(0xFF64, b"\0\1" + SECRET) + b"\x80" * 6 + b"\xff\xd9",
    "JP2 xml": box(b"jP  ", b"\r\n\x87\n") + box(b"xml ", b"<a>" + SECRET + b"</a>") + box(b"jp2c", J2K % b""),
    "MP4 user data": box(b"ftyp", b"isom") + box(b"moov", box(b"udta", SECRET)),
    "H.264 SEI": b"\0\0\0\1\x09\xf0\0\0\0\1\x06\x05\x16" + SECRET + b"\x80",
}


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_metadata_of_codestreams_is_searched(name):
    hits = found(raw(*PERSON), encapsulated(STREAMS[name]))
    assert {path for path, _rule in hits} == {"7FE00010"}
    assert {"name", "id"} & {rule for _path, rule in hits}


def test_codestreams_without_metadata_are_silent():
    clean = [JPEG % b"", JPEG % segment(0xFFE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"), J2K % b"" + b"\x80" * 6 + b"\xff\xd9"]
    for frame in clean:
        assert found(raw(*PERSON), encapsulated(frame)) == set()


def test_compressed_image_data_is_not_searched():
    frame = JPEG.replace(b"\x12\xff\0\x34" * 9, b"\x12Quixotic\x34") % b""
    assert found(raw(*PERSON), encapsulated(frame)) == set()


def test_frame_in_several_fragments_is_read_as_one():
    whole = JPEG % segment(0xFFFE, SECRET)
    assert "name" in rules(raw(*PERSON), encapsulated(whole[:80], whole[80:]))


def test_bytes_behind_the_last_frame_are_searched():
    image = np.full((8, 8), 77)
    assert "name" in rules(raw(*PERSON), native(image, 12, tail=SECRET))
    assert rules(raw(*PERSON), native(image, 12, tail=b"\0\0")) == set()


@pytest.mark.parametrize("way", ["bits", "nibbles"])
def test_text_in_unused_bits_is_found(way):
    image = np.full((32, 32), 77, "<u2")
    flat = image.reshape(-1)
    if way == "bits":
        bits = np.unpackbits(np.frombuffer(SECRET, np.uint8), bitorder="little")
        flat[: len(bits)] |= bits.astype("<u2") << 15
    else:
        for place, letter in enumerate(SECRET):
            flat[2 * place] |= (letter & 15) << 12
            flat[2 * place + 1] |= (letter >> 4) << 12
    assert "raw bytes" in rules(raw(*PERSON), native(image, 12))


def test_sign_bits_of_signed_pixels_are_no_text():
    image = np.array([[0, 0xFFFF, 0xF800, 5]] * 8, "<u2")
    assert rules(raw(*PERSON), native(image, 12, signed=1)) == set()


@pytest.mark.parametrize(
    "shown",
    [
        b"(Letter of Quixotic) Tj",
        b"[(Letter of Quix) -20 (otic)] TJ",
        b"<" + b"of Quixotic".hex().encode() + b"> Tj",
        rb"(of Quixo\164ic) Tj",
    ],
)
@pytest.mark.parametrize("deflated", [True, False])
def test_text_in_a_pdf_is_found(shown, deflated):
    stream = zlib.compress(shown) if deflated else shown
    document = b"%PDF-1.4\n1 0 obj <</Length 9>> stream\n" + stream + b"\nendstream endobj\n%%EOF\n"
    assert "name" in rules(PERSON, [(0x00420011, "OB", document)])


def test_pdf_without_identity_is_silent():
    stream = zlib.compress(b"(Lorem ipsum dolor) Tj")
    document = b"%PDF-1.4\n1 0 obj <<>> stream\n" + stream + b"\nendstream endobj\n%%EOF\n"
    assert rules(PERSON, [(0x00420011, "OB", document)]) == set()


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(b"Quixotic^Zebulon").decode(),
        "see " + base64.b64encode(b"id MRN-778812").decode().rstrip("="),
        b"Quixotic".hex(),
        b"MRN-778812".hex().upper(),
        "q=%51uixotic",
        "id%3DMRN-778812",
    ],
)
def test_coded_values_in_text_are_found(text):
    assert {path for path, _rule in found(PERSON, [(COMMENTS, "LT", text)])} == {"00204000"}


@pytest.mark.parametrize("text", ["AbdomenRoutineHelical", "deadbeefdeadbeef", "100%25", "SGVsbG8gd29ybGQgYWdhaW4="])
def test_other_codes_are_silent(text):
    assert found(PERSON, [(COMMENTS, "LT", text)]) == set()


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_wide_letters_in_bytes_are_found(codec):
    value = b"\1\2\3\4" + "Quixotic".encode(codec) + b"\xff\xfe\1\1"
    assert {path for path, _rule in found(PERSON, [(0x00282000, "OB", value)])} == {"00282000"}


def test_short_name_in_bytes_counts_where_it_reads_as_text():
    person = [(NAME, "PN", "Zorn^Zebulon")]
    assert "name" in rules(person, [(0x00282000, "OB", b"\1\2\0\0Patient Zorn was here\0\3\0")])
    assert rules(person, [(0x00282000, "OB", b"\1\2\0\0a1!?zorn;;9#\0\3\0\0")]) == set()


@pytest.mark.parametrize(
    "text", ["xQuixotic", "QUIXOTIC7", "a QUIXOTICs scan", "kQuixoticx 3", "ZQUIXOTIC", "QUIXOTICZ01"]
)
def test_name_within_a_word_is_found(text):
    assert {path for path, _rule in found(PERSON, [(KERNEL, "LO", text)])} == {f"{KERNEL:08X}"}


@pytest.mark.parametrize("text", ["quixotical", "unquixotical", "Quixotically"])
def test_name_as_part_of_another_word_is_silent(text):
    assert found(PERSON, [(KERNEL, "LO", text)]) == set()


@pytest.mark.parametrize(
    "text",
    ["93-year-old woman", "aged 94", "a 91 y/o man", "97yo", "102 years old", "095Y", "95jähriger", "91 Jahre alt"],
)
def test_age_over_89_in_text_is_found(text):
    assert rules([], [(COMMENTS, "LT", text)]) == {"age over 89"}


@pytest.mark.parametrize(
    "text", ["89-year-old", "90 years old", "93 mm", "TE 93", "1993", "120 kV", "95% of", "2 years old", "193y"]
)
def test_other_numbers_are_no_age(text):
    assert rules([], [(COMMENTS, "LT", text)]) == set()


@pytest.mark.parametrize(
    ("age", "held"), [("093Y", True), ("091Y", True), ("090Y", False), ("045Y", False), ("099M", False)]
)
def test_age_element_over_89_is_found(age, held):
    assert bool(rules([], [(AGE, "AS", age)])) is held
    assert rules([], [(AGE, "AS", age)], Context(kept={AGE: "the profile keeps ages"})) == set()


@pytest.mark.parametrize(("years", "held"), [("93", True), ("90", False), ("45", False)])
def test_subject_age_in_a_report_is_read(years, held):
    concept = raw((0x00080100, "SH", "121033"))
    measured = raw((0x0040A30A, "DS", years))
    item = raw((0x0040A043, "SQ", [concept]), (0x0040A300, "SQ", [measured]))
    assert bool(rules([], [(0x0040A730, "SQ", [item])])) is held


def test_names_learned_elsewhere_are_searched():
    context = Context(learned=frozenset(("Zimmerling^Otto", "Chest^Oda")))
    assert rules([], [(COMMENTS, "LT", "as in Zimmerling")], context) == {"name"}
    assert rules([], [(COMMENTS, "LT", "CT chest")], context) == set()


def test_text_date_that_equals_another_shifted_date_is_no_hit():
    """20200110 in the text is 20200210 moved by a month; that the birthday was on it is a coincidence."""
    study, birth = 0x00080020, 0x00100030
    before = [(study, "DA", "20200510"), (birth, "DA", "20200110"), (COMMENTS, "LT", "prior 2020-02-09")]
    after = [(study, "DA", "20200410"), (COMMENTS, "LT", "prior 2020-01-10")]
    assert rules(before, after) == set()
    assert rules(before, [(study, "DA", "20200410"), (COMMENTS, "LT", "born 2020-01-10 or 2020-05-10")]) == {
        "date in text"
    }


def test_big_endian_pixels_are_read_in_their_order():
    image = np.full((32, 32), 77, "<u2")
    for place, letter in enumerate(SECRET):
        image.reshape(-1)[2 * place] |= (letter & 15) << 12
        image.reshape(-1)[2 * place + 1] |= (letter >> 4) << 12
    little = native(image, 12)
    swapped = DataSet(little)
    for tag, element in little.items():
        swapped[tag] = Element(tag, element.vr, np.frombuffer(bytes(element.value), "<u2").astype(">u2").tobytes())
    big = type(EXPLICIT)(explicit=True, little_endian=False)
    assert {finding.rule for finding in check(raw(*PERSON), swapped, big, b"")} >= {"raw bytes"}
