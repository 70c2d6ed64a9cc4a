"""DICOM JSON against pydicom's own, over real files; and the rules of PS3.18 Annex F one by one."""

import struct
import warnings
from pathlib import Path

import orjson
import pydicom
import pytest

from pacs.dicom.elements import DataSet, Element, parse
from pacs.dicom.fileformat import read_start
from pacs.dicom.json import BULK_PLACEHOLDER, INDEX_KEYWORDS, dicom_json, index_attributes
from pacs.dicom.syntaxes import DEFLATED_LE, Encoding, encoding_of
from pacs.errors import PacsError
from pacs.index import STORED_KEYWORDS
from tests.dicom.real_files import real_files

LITTLE = Encoding(explicit=True, little_endian=True)


def _read(path: Path) -> tuple[DataSet, Encoding] | None:
    raw = path.read_bytes()
    try:
        start = read_start(raw)
        if start.transfer_syntax_uid == DEFLATED_LE:
            return None
        encoding = encoding_of(start.transfer_syntax_uid)
        return parse(memoryview(raw)[start.data_set_offset :], encoding), encoding
    except PacsError:
        return None


def test_says_the_same_as_pydicom():
    compared, different = 0, []
    for path in real_files(3_000_000):
        read = _read(path)
        if read is None:
            continue
        ours = orjson.loads(dicom_json(*read))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                theirs = pydicom.dcmread(path, force=True).to_json_dict(1024, lambda element: "bulk")
            except Exception:  # pydicom cannot say some of these at all
                continue
        compared += 1
        different += [f"{path.name} {key}" for key in _differences(ours, theirs)]
    assert compared > 50
    assert len(different) <= compared * 0.05, different  # texts that pydicom leaves padded or fails to decode


def _differences(ours: dict, theirs: dict) -> list[str]:
    found = []
    for key, entry in theirs.items():
        if int(key[3], 16) % 2 or key[4:] == "0000" or key in ("00080005", "7FE00010"):
            continue
        if entry["vr"] in ("OW", "OB", "UN", "US", "SS", "OB or OW", "SQ", "OF") or "BulkDataURI" in entry:
            continue
        mine = ours.get(key, {"vr": None})
        if _loose(mine.get("Value")) != _loose(entry.get("Value")):
            found.append(key)
    return found


def _loose(values: object) -> object:
    if not values or values in ([None], [""]):
        return []
    if isinstance(values, list):
        return [_loose_one(value) for value in values]
    return values


def _loose_one(value: object) -> object:
    if isinstance(value, dict):
        return {part: str(text).rstrip(" ^") for part, text in value.items() if str(text).strip(" ^")} or None
    if isinstance(value, str):
        return value.strip(" \0\r\n") or None
    return float(value) if isinstance(value, int | float) else value


def _json(*elements: Element, encoding: Encoding = LITTLE) -> dict:
    return orjson.loads(dicom_json(DataSet({element.tag: element for element in elements}), encoding))


@pytest.mark.parametrize(
    ("element", "entry"),
    [
        (Element(0x00080050, "SH", b""), {"vr": "SH"}),
        (Element(0x00080008, "CS", b"A\\\\B "), {"vr": "CS", "Value": ["A", None, "B"]}),
        (Element(0x00200013, "IS", b" 7 "), {"vr": "IS", "Value": [7]}),
        (Element(0x00200032, "DS", b"1.50\\-2\\x"), {"vr": "DS", "Value": [1.5, -2, "x"]}),
        (Element(0x00200013, "IS", b"nan "), {"vr": "IS", "Value": ["nan"]}),
        (Element(0x0020000D, "UI", b"1.2\0"), {"vr": "UI", "Value": ["1.2"]}),
        (Element(0x00280010, "US", b"\x00\x02"), {"vr": "US", "Value": [512]}),
        (Element(0x00189087, "FD", struct.pack("<d", float("inf"))), {"vr": "FD", "Value": ["inf"]}),
        (Element(0x00189087, "FD", struct.pack("<d", float("nan"))), {"vr": "FD", "Value": ["NaN"]}),
        (Element(0x00280009, "AT", b"\x18\x00\x63\x10"), {"vr": "AT", "Value": ["00181063"]}),
        (
            Element(0x00100010, "PN", b"A^B=\xe5\xb1\xb1 "),
            {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Ideographic": "山"}]},
        ),
        (Element(0x00104000, "LT", b" a\\b "), {"vr": "LT", "Value": [" a\\b"]}),
        (Element(0x00281200, "OW", b"\x01\x02"), {"vr": "OW", "InlineBinary": "AQI="}),
        (Element(0x00281201, "OW", b"\x01\x02" * 600), {"vr": "OW", "BulkDataURI": "@/bulkdata/00281201"}),
        (Element(0x7FE00010, "OW", b"\x01\x02"), {"vr": "OW", "BulkDataURI": "@/bulkdata/7FE00010"}),
        (Element(0x00420011, "OB", b"%P"), {"vr": "OB", "BulkDataURI": "@/bulkdata/00420011"}),
        (Element(0x00081140, "SQ", b"", []), {"vr": "SQ"}),
        (Element(0x00081140, "SQ", b"", [DataSet()]), {"vr": "SQ", "Value": [{}]}),
        (Element(0x00091001, "UN", b"ab"), {"vr": "UN", "InlineBinary": "YWI="}),
    ],
)
def test_writes_values_as_annex_f(element, entry):
    assert _json(element) == {f"{element.tag:08X}": entry}


def test_swaps_numbers_of_big_endian():
    big = Encoding(explicit=True, little_endian=False)
    elements = (Element(0x00280010, "US", b"\x02\x00"), Element(0x00281200, "OW", b"\x02\x01"))
    assert _json(*elements, encoding=big) == {
        "00280010": {"vr": "US", "Value": [512]},
        "00281200": {"vr": "OW", "InlineBinary": "AQI="},
    }


def test_decodes_text_and_names_the_new_set():
    elements = (Element(0x00080005, "CS", b"ISO_IR 100"), Element(0x00100010, "PN", b"M\xfcller^A"))
    assert _json(*elements) == {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Müller^A"}]},
    }


def test_tags_ascend_and_group_lengths_go():
    text = dicom_json(DataSet({tag: Element(tag, "LO", b"a ") for tag in (0x00181030, 0x00080000, 0x00080070)}), LITTLE)
    assert list(orjson.loads(text)) == ["00080070", "00181030"]


def test_values_cannot_forge_the_bulk_placeholder():
    text = dicom_json(DataSet({0x00104000: Element(0x00104000, "LT", BULK_PLACEHOLDER)}), LITTLE)
    assert BULK_PLACEHOLDER not in text


def test_nested_bulk_data_names_its_item():
    icon = DataSet({0x7FE00010: Element(0x7FE00010, "OW", b"\0" * 8)})
    found = _json(Element(0x00880200, "SQ", b"", [DataSet(), icon]))
    assert found["00880200"]["Value"][1]["7FE00010"]["BulkDataURI"] == "@/bulkdata/00880200/1/7FE00010"


def test_endless_nesting_ends():
    item = DataSet()
    for _ in range(400):
        item = DataSet({0x00081140: Element(0x00081140, "SQ", b"", [item])})
    assert dicom_json(item, LITTLE).count(b"SQ") == 81


def test_index_keywords_are_the_columns():
    assert set(INDEX_KEYWORDS) == set(STORED_KEYWORDS)


def test_index_attributes_are_text():
    inner = DataSet({0x00400009: Element(0x00400009, "SH", b"S1")})
    elements = (
        Element(0x00080008, "CS", b"A\\B "),
        Element(0x00280010, "US", b"\x00\x02"),
        Element(0x00400275, "SQ", b"", [inner]),
        Element(0x00080050, "SH", b"  "),
    )
    found = index_attributes(DataSet({element.tag: element for element in elements}), LITTLE)
    assert found == {
        "ImageType": "A\\B",
        "Rows": "512",
        "RequestAttributesSequence.ScheduledProcedureStepID": "S1",
    }
