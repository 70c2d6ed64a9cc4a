"""The Native DICOM Model, written and read. PS3.19 A.1."""

import json
from contextlib import suppress
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.dicom.native_xml import NAMESPACE, native_xml
from pacs.dicom.native_xml_reader import json_of
from pacs.errors import BadRequest
from tests.wire.contract import contract

WHOLE = {
    "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
    "00080008": {"vr": "CS", "Value": ["ORIGINAL", None, "A & <B>"]},
    "00080050": {"vr": "SH"},
    "00082112": {"vr": "SQ", "Value": [{}, {"00081155": {"vr": "UI", "Value": ["1.2"]}}]},
    "00090010": {"vr": "LO", "Value": ["MAKER"]},
    "00091001": {"vr": "US", "Value": [7]},
    "00100010": {
        "vr": "PN",
        "Value": [{"Alphabetic": "Doe^J^^Dr", "Ideographic": "山田^太郎"}, None, {"Phonetic": "x"}],
    },
    "00102000": {"vr": "LO", "Value": ['\u00fc "quoted" \r\n']},
    "00180050": {"vr": "DS", "Value": ["1.50"]},
    "00189074": {"vr": "DT", "Value": ["20200101"]},
    "00280008": {"vr": "IS", "Value": ["3"]},
    "00480105": {"vr": "SQ"},
    "00660016": {"vr": "OF", "InlineBinary": "AAAAAA=="},
    "00720075": {"vr": "FD", "Value": [0.5, -2.0]},
    "7FE00010": {"vr": "OW", "BulkDataURI": "http://x/studies/1?a=b&c=d"},
}


@contract("web 3.2")
def test_reads_what_it_has_written():
    assert json_of(native_xml(WHOLE)) == WHOLE


@contract("web 3.2")
def test_elements_are_those_of_the_model():
    root = ElementTree.fromstring(native_xml(WHOLE))
    assert root.tag == f"{{{NAMESPACE}}}NativeDicomModel"
    found = {each.get("tag"): each for each in root}
    name = found["00100010"]
    assert [name.get("vr"), name.get("keyword")] == ["PN", "PatientName"]
    family = name.find(f"{{{NAMESPACE}}}PersonName/{{{NAMESPACE}}}Alphabetic/{{{NAMESPACE}}}FamilyName")
    assert family is not None
    assert family.text == "Doe"
    assert [each.get("number") for each in name] == ["1", "2", "3"]
    assert found["00091001"].get("privateCreator") == "MAKER"
    assert found["00090010"].get("privateCreator") is None
    assert found["7FE00010"][0].get("uri") == "http://x/studies/1?a=b&c=d"
    assert [each.get("number") for each in found["00082112"]] == ["1", "2"]
    assert len(found["00080050"]) == 0


def test_characters_that_xml_lacks_are_replaced():
    text = native_xml({"00104000": {"vr": "LT", "Value": ["a\x0bb\ud800"]}})
    assert json_of(text)["00104000"]["Value"] == ["a\ufffdb\ufffd"]


def test_reads_without_namespace_and_by_keyword():
    text = b'<NativeDicomModel><DicomAttribute keyword="Rows"><Value>5</Value></DicomAttribute></NativeDicomModel>'
    assert json_of(text) == {"00280010": {"vr": "US", "Value": [5]}}


def attribute(inner: str, tag: str = "00280010", vr: str = "US") -> str:
    return f'<NativeDicomModel><DicomAttribute tag="{tag}" vr="{vr}">{inner}</DicomAttribute></NativeDicomModel>'


NESTED = '<DicomAttribute tag="00082112" vr="SQ"><Item number="1">'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no xml",
        "<a/>",
        "<NativeDicomModel>",
        "<NativeDicomModel><Value/></NativeDicomModel>",
        '<!DOCTYPE a [<!ENTITY b "c">]><NativeDicomModel/>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><NativeDicomModel/>',
        attribute("&unknown;"),
        attribute("<Value>x</Value>"),
        attribute('<Value number="0">1</Value>'),
        attribute('<Value number="9999999">1</Value>'),
        attribute('<Value number="1">1</Value><Value number="1">1</Value>'),
        attribute('<Value number="99999999999">1</Value>'),
        attribute("", tag="0028001"),
        attribute("", vr="ZZ"),
        attribute("<Item/>"),
        attribute("<Value>a</Value>", vr="SQ"),
        attribute("<Value>a</Value>", vr="PN"),
        attribute("<PersonName/>", vr="LO"),
        attribute("<InlineBinary>?</InlineBinary>", vr="OB"),
        attribute("<BulkData/>", vr="OB"),
        attribute('<InlineBinary>AAAA</InlineBinary><BulkData uri="a"/>', vr="OB"),
        f"<NativeDicomModel>{NESTED * 100}",
        '<?xml version="1.0" encoding="no-such"?><NativeDicomModel/>',
    ],
)
@contract("web 3.2")
def test_refuses_what_is_no_native_model(text):
    with pytest.raises(BadRequest):
        json_of(text.encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    with suppress(BadRequest):
        json_of(data)


@given(st.text(min_size=1, max_size=20))
def test_any_text_survives_the_way(text):
    found = json_of(native_xml({"00104000": {"vr": "LT", "Value": [text]}}))
    json.dumps(found)
    assert len(found["00104000"]["Value"][0]) == len(text)
