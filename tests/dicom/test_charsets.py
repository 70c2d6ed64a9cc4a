"""Text in a character set reads back, by us and by pydicom; what does not fit is said. PS3.5 6.1, Annexes H to K."""

import pytest
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.valuerep import PersonName

from pacs.dicom.charsets import Encoder
from pacs.dicom.values import charset_named, decode

NAMES = {
    "ISO_IR 100": "Müller^Zoë",
    "ISO_IR 101": "Dvořák^Jiří",
    "ISO_IR 109": "Ħamrun^Ġorġ",
    "ISO_IR 110": "Bērziņš^Jānis",
    "ISO_IR 144": "Иванов^Пётр",
    "ISO_IR 127": "قباني^لنزار",
    "ISO_IR 126": "Διονυσιος",
    "ISO_IR 138": "שרון^דבורה",
    "ISO_IR 148": "Çavuşoğlu^Işık",
    "ISO_IR 13": "ﾔﾏﾀﾞ^ﾀﾛｳ",
    "ISO_IR 166": "นามสกุล^ชื่อ",
    "ISO_IR 192": "Wang^XiaoDong=王^小東",
    "GB18030": "Wang^XiaoDong=王^小东",
    "GBK": "Zhang^XiaoDong=张^小东",
    "\\ISO 2022 IR 87": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "ISO 2022 IR 13\\ISO 2022 IR 87": "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    "ISO 2022 IR 6\\ISO 2022 IR 87\\ISO 2022 IR 159": "Maruo=丸尾 鷗",
    "\\ISO 2022 IR 149": "Hong^Gildong=洪^吉洞=홍^길동",
    "\\ISO 2022 IR 58": "Zhang^XiaoDong=张^小东",
    "ISO 2022 IR 100\\ISO 2022 IR 144": "Müller^Иван^Zoë",
}


@pytest.mark.parametrize("label", NAMES)
def test_name_reads_back_in_each_set(label: str) -> None:
    raw = Encoder(label).encode(NAMES[label], "\\^=")
    assert raw is not None
    assert decode(raw, charset_named(label.encode())) == NAMES[label]
    if "IR 58" in label:  # pydicom leaves its escape sequences in the text
        return
    codecs = convert_encodings(label.split("\\"))
    assert str(PersonName(raw, codecs).decode()) == NAMES[label]


@pytest.mark.parametrize("label", NAMES)
def test_text_reads_back_in_each_set(label: str) -> None:
    text = NAMES[label].replace("^", " ").replace("=", " ") + " 12"
    raw = Encoder(label).encode(text)
    assert raw is not None
    assert decode(raw, charset_named(label.encode())) == text
    if "IR 58" in label:
        return
    assert decode_bytes(raw, convert_encodings(label.split("\\")), {92, 10, 12, 13}) == text


@pytest.mark.parametrize("label", ["ISO_IR 203", "\\ISO 2022 IR 203"])
def test_latin_9_reads_back(label: str) -> None:
    """pydicom does not know it yet."""
    raw = Encoder(label).encode("Œuvre^Žofie €", "\\^=")
    assert raw is not None
    assert decode(raw, charset_named(label.encode())) == "Œuvre^Žofie €"


def test_korean_example_of_the_standard() -> None:
    """PS3.5 I.2."""
    raw = Encoder("\\ISO 2022 IR 149").encode("Hong^Gildong=洪^吉洞=홍^길동", "\\^=")
    assert raw == (b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf")


def test_japanese_example_of_the_standard() -> None:
    """PS3.5 H.3.1."""
    raw = Encoder("\\ISO 2022 IR 87").encode("Yamada^Tarou=山田^太郎=やまだ^たろう", "\\^=")
    assert raw == (b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B")


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("ISO_IR 100", "Иванов"),
        ("ISO_IR 13", "山田"),
        ("", "Müller"),
        ("ISO_IR 6", "é"),
        ("nonsense", "é"),
        ("GBK", "😀"),
        ("\\ISO 2022 IR 87", "é"),
        ("ISO 2022 IR 6\\ISO 2022 IR 149", "Zoë"),
    ],
)
def test_says_what_does_not_fit(label: str, text: str) -> None:
    assert Encoder(label).encode(text) is None


def test_ascii_needs_no_set() -> None:
    assert Encoder("").encode("Doe^John") == b"Doe^John"
