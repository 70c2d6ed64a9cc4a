"""De-identifier and second reader together: a name or id typed into any element of PS3.6 goes, or holds the object."""

import pytest

from pacs.deid import CollectionKeys, deidentify, load_profile
from pacs.dicom.dictionary import VR_OF, vr_of
from pacs.dicom.elements import PIXEL_TAGS, DataSet
from pacs.leakcheck import check
from tests.dicom.raw_objects import EXPLICIT, IMPLICIT, ct, encoded, items, raw

KEYS = CollectionKeys.derive(b"k" * 32, "inbox")
TAGS = sorted(tag for tag in VR_OF if tag >> 16 > 4 and tag not in PIXEL_TAGS and tag & 0xFFFF and vr_of(tag) != "SQ")
SECRETS = (b"Quixotic", b"QUIXOTIC", b"MRN-778812", b"1.2.826.0.1.3680043.99.4")
# the least of an object, and the attributes that `ct` sets
BASE = {0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00100010, 0x00100020}


@pytest.mark.parametrize("encoding", [EXPLICIT, IMPLICIT], ids=["explicit", "implicit"])
@pytest.mark.parametrize(
    "value", [b"Quixotic^Zebulon", b"of QUIXOTIC ", b"MRN-778812", b"x MRN-778812 y", b"1.2.826.0.1.3680043.99.4"]
)
@pytest.mark.parametrize("nested", [False, True], ids=["top", "nested"])
def test_identity_in_any_element_goes_or_holds(encoding, value, nested):
    planted = raw(*((tag, vr_of(tag), value) for tag in TAGS if tag not in BASE))
    source = ct((0x00082218, "SQ", [planted]))
    if not nested:
        source = DataSet({**planted, **ct()})
    result = deidentify(source, encoding, load_profile("basic"), KEYS).data_set
    named = {finding.path[-8:] for finding in check(source, result, encoding, encoded(result, encoding))}
    level = items(result, 0x00082218)[0] if nested else result
    held = {f"{tag:08X}" for tag, e in level.items() if any(secret in bytes(e.value) for secret in SECRETS)}
    assert held
    assert held <= named
