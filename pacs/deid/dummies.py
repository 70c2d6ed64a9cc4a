"""Dummy values: valid for the VR, the multiplicity and the IOD, and the same for everybody. PS3.15 Table E.1-1a (D).

A dummy is never made from the original, except ids that tell things apart (specimens, containers, subjects): those are
keyed, so that what belonged together still does.
"""

import struct
from functools import lru_cache

from pydicom._dicom_dict import DicomDictionary

from pacs.deid.keys import CollectionKeys
from pacs.dicom.dictionary import vr_of
from pacs.dicom.elements import Element
from pacs.dicom.values import text_of

WORD = b"REMOVED"
_BY_VR = {
    "AE": WORD,
    "AS": b"000Y",
    "CS": WORD,
    "DA": b"19000101",
    "DS": b"0",
    "DT": b"19000101000000",
    "IS": b"0",
    "LO": WORD,
    "LT": WORD,
    "PN": WORD,
    "SH": WORD,
    "ST": WORD,
    "TM": b"000000",
    "UC": WORD,
    "UN": b"\0\0",
    "UR": b"removed:",  # a URI of no scheme that leads anywhere, RFC 3986
    "UT": WORD,
}
_BYTES = {"UL": 4, "SL": 4, "FL": 4, "FD": 8, "SV": 8, "UV": 8, "AT": 4, "OF": 4, "OL": 4, "OD": 8, "OV": 8}
# Enumerated values (PS3.3) where a word would make the object invalid: ReasonForTheAttributeModification.
_BY_TAG = {0x04000565: b"COERCE"}
# Ids that tell apart what is in one object: specimen, container, trial subject, subject reading, flow.
_KEYED = frozenset((0x00400551, 0x00400512, 0x00120040, 0x00120042))
ENCAPSULATED_DOCUMENT, DOCUMENT_LENGTH, DOCUMENT_TYPE = 0x00420011, 0x00420015, 0x00420012


def dummy_value(element: Element, keys: CollectionKeys) -> bytes:
    """A value of the dictionary's VR and least multiplicity for an element that had one; not padded."""
    tag = element.tag
    if tag in _KEYED:
        return keys.identifier(f"{tag:08X}", text_of(element)).encode()
    if tag in _BY_TAG:
        return _BY_TAG[tag]
    one = _BY_VR.get(written_vr(element))
    if one is not None:
        return b"\\".join([one] * least_count(tag))
    return bytes(_BYTES.get(written_vr(element), 2) * least_count(tag))  # zero in either byte order


def written_vr(element: Element) -> str:
    """The VR to write a replaced value in: the dictionary's, or the object's where PS3.6 has none."""
    known = vr_of(element.tag)
    return element.vr if known == "UN" else known


@lru_cache(maxsize=4096)
def least_count(tag: int) -> int:
    """The least number of values that PS3.6 allows."""
    entry = DicomDictionary.get(tag)
    least = entry[1].split("-")[0] if entry else "1"
    return int(least) if least.isdigit() else 1


_PDF_OBJECTS = (
    b"<</Type/Catalog/Pages 2 0 R>>",
    b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
)


@lru_cache(maxsize=1)
def blank_pdf() -> bytes:
    """A PDF of one empty page, without any metadata. ISO 32000-1 7.5."""
    body = b"%PDF-1.4\n"
    starts = []
    for number, content in enumerate(_PDF_OBJECTS, 1):
        starts.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return body + end % (len(starts) + 1, table, len(starts) + 1, len(body))


def dummy_document(mime_type: str) -> bytes:
    """An empty document of the type that (0042,0012) names: PDF, CDA (XML), STL, OBJ or MTL. PS3.3 C.24.2."""
    if mime_type == "application/pdf":
        return blank_pdf()
    if "xml" in mime_type:
        return b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"/>\n'
    if mime_type in ("model/stl", "application/sla"):
        return b"removed".ljust(80) + struct.pack("<I", 0)  # binary STL: header and no triangle
    return b"# removed\n"
