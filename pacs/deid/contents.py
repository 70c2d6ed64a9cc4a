"""The content of a sequence whose code is D: structure, codes, numbers and mapped references stay, words go.

PS3.15 Table E.1-1a wants a dummy value; for a content tree, an annotation or an observer that is the same tree without
anything that a person wrote. Rows of the table that name an element inside come first; this treats the rest.
"""

from pacs.deid.dummies import dummy_value
from pacs.deid.keys import CollectionKeys
from pacs.deid.profiles import Rule
from pacs.dicom.elements import DataSet, Element
from pacs.dicom.values import first_text

CODE_VALUE, SCHEME, SCHEME_VERSION, MEANING = 0x00080100, 0x00080102, 0x00080103, 0x00080104
CODED = frozenset((CODE_VALUE, SCHEME, SCHEME_VERSION, MEANING, 0x0008010E, 0x00080119, 0x00080120))
# Coding schemes of PS3.16 Table 8-1 whose codes and meanings a vocabulary fixes; all others may hold what a site typed.
PUBLIC_SCHEMES = frozenset(
    "DCM SCT SRT SNM3 SNOMED-RT 99SDM LN UCUM UMLS NCIt NCIT RADLEX FMA MA BI I9C I10 I10P RXNORM UNS PUBCHEM_CID DC "
    "NEU IBSI ISO3166_1 ISO639_2 RFC3066 RFC5646 NDC CADSR ITIS_TSN C4 C5 CD2 ACR MDC NYUMCCG".split()
)
_WORDS = frozenset(("LO", "SH", "ST", "LT", "UT", "UC", "AE", "AS", "PN", "DA", "DT", "TM", "UR"))
_BYTES = frozenset(("UN", "OB"))


class ContentCleaner:
    """Replaces what was typed within dummy sequences."""

    rule = Rule("content", "D", "text within a sequence that gets a dummy value", "PS3.15 Table E.1-1a, code D")

    def __init__(self, keys: CollectionKeys) -> None:
        self.keys = keys

    def clean(self, element: Element, item: DataSet) -> Element:
        """The element itself when it may stay, else one with a dummy value. `item` is the data set around it."""
        if not element.value or (element.vr not in _WORDS and element.vr not in _BYTES):
            return element
        if element.tag in CODED and first_text(item, SCHEME) in PUBLIC_SCHEMES:
            return element
        out = DataSet()
        value = b"99REMOVED" if element.tag == SCHEME else dummy_value(element, self.keys)
        out.put(element.tag, element.vr, value)
        return out[element.tag]
