"""Cleaned text goes back into the object's own character set where it reads the same; else it needs UTF-8."""

import pydicom
import pytest
from pydicom.charset import convert_encodings

from pacs.deid.text import Evidence, Strength
from pacs.deid.text.encoding import encode_text
from pacs.dicom.elements import Element
from pacs.dicom.values import charset_named, decode
from tests.deid.text.evidence_of import KNOWN, data_set, evidence_of, named

COMMENT = 0x00204000
SETS = {
    "ISO_IR 100": "Müller Thorax",
    "ISO_IR 101": "Kovács Łukasz hrudník",
    "ISO_IR 144": "Иванов грудь",
    "ISO_IR 126": "Διονυσιος θώρακας",
    "ISO_IR 127": "قباني صدر",
    "ISO_IR 138": "שרון חזה",
    "ISO_IR 148": "Çavuşoğlu göğüs",
    "ISO_IR 166": "สมชาย ทรวงอก",
    "ISO_IR 13": "ﾔﾏﾀﾞ ﾀﾛｳ",
    "ISO_IR 192": "王小东 胸部 Müller",
    "GB18030": "王小东 胸部",
    "GBK": "王小东 胸部",
    "\\ISO 2022 IR 87": "山田太郎 胸部 CT",
    "\\ISO 2022 IR 149": "김희중 흉부 CT",
    "\\ISO 2022 IR 58": "王小东 胸部 CT",
    "ISO 2022 IR 6\\ISO 2022 IR 100\\ISO 2022 IR 144": "Müller Иванов CT",
}


@pytest.mark.parametrize(("terms", "text"), SETS.items(), ids=[term.replace("\\", "+") for term in SETS])
def test_text_reads_back_the_same(terms, text):
    charset = charset_named(terms.encode())
    raw = encode_text(text, charset)
    assert raw is not None
    assert decode(raw, charset) == text


@pytest.mark.parametrize("terms", ["ISO_IR 100", "\\ISO 2022 IR 87", "ISO_IR 192", "\\ISO 2022 IR 149"])
def test_pydicom_reads_the_same(terms):
    text = SETS[terms]
    raw = encode_text(text, charset_named(terms.encode())) or b""
    assert (
        pydicom.charset.decode_bytes(raw, convert_encodings(terms.split("\\")), {ord(mark) for mark in "\\^="}) == text
    )


def test_what_the_set_cannot_hold_needs_utf8():
    assert encode_text("胸部", charset_named(b"ISO_IR 100")) is None
    element = Element(COMMENT, "LT", "from 王小东 胸部 Vorlundman".encode("gb18030"))
    evidence = Evidence(data_set((0x00100010, "PN", "Vorlundman^Ute")), str)
    out = evidence.clean_value(element, charset_named(b"GB18030"), KNOWN)
    assert out is not None
    assert (out.value.decode("gb18030"), out.needs_utf8) == ("from 王小东 胸部", False)


@pytest.mark.parametrize(
    "terms", ["\\ISO 2022 IR 87", "\\ISO 2022 IR 149", "\\ISO 2022 IR 58", "GB18030", "ISO_IR 192"]
)
def test_names_go_from_values_in_every_set(terms):
    text = SETS[terms]
    name = text.split(" ")[0]
    charset = charset_named(terms.encode())
    source = data_set(charset=terms)
    source.put(0x00100010, "PN", encode_text(name, charset) or b"")
    element = Element(COMMENT, "LT", encode_text(text, charset) or b"")
    out = Evidence(source, str).clean_value(element, charset, Strength.KNOWN)
    assert out is not None
    assert decode(out.value, charset).rstrip(" ") == text.removeprefix(name).strip()


def test_text_without_a_declared_set_needs_utf8():
    element = Element(COMMENT, "LT", "Thorax für Vorlundman schräg".encode())
    out = named("Vorlundman^Ute").clean_value(element, ("guess",), KNOWN)
    assert out is not None
    assert (out.value.decode(), out.needs_utf8) == ("Thorax schräg", True)


def test_unchanged_value_is_none():
    assert named("Vandermeer^Ute").clean_value(Element(COMMENT, "LT", b"CHEST "), ("guess",), KNOWN) is None


def test_values_of_one_element_are_cleaned_each():
    element = Element(0x00181020, "LO", b"A\\Vandermeer\\B ")
    out = named("Vandermeer^Ute").clean_value(element, ("guess",), KNOWN)
    assert out is not None
    assert out.value == b"A\\\\B"


@pytest.mark.parametrize("tag", [0x00181020, 0x00081090])
def test_release_dates_of_versions_stay(tag):
    evidence = evidence_of((0x00080020, "DA", "20200115"))
    assert evidence.clean_value(Element(tag, "LO", b"OS.09 [2010/06/14]"), ("guess",), KNOWN) is None
    out = evidence.clean_value(Element(tag, "LO", b"OS.09 20200115"), ("guess",), KNOWN)
    assert out is not None
    assert out.value == b"OS.09 20170420"
