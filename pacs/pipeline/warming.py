"""Loading what the first object needs before there is one: rules, word lists, tables of attribute types.

They take some tenths of a second. A worker that is killed meanwhile must not have an object charged with it, and
processes that fork after this share the memory.
"""

import gc

from pacs.deid import CollectionKeys, deidentify, load_profile
from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import Encoding
from pacs.leakcheck import check

_GC_THRESHOLDS = (50_000, 20, 50)  # objects come and go by the thousand: a tenth of the time went into looking
_CT_IMAGE = b"1.2.840.10008.5.1.4.1.1.2"


def warm_up() -> None:
    """De-identify and check an object of no content; what was loaded is no longer looked at for garbage."""
    encoding = Encoding(explicit=True, little_endian=True)
    nothing = DataSet()
    nothing.put(0x00080016, "UI", _CT_IMAGE)
    nothing.put(0x00081030, "LO", b"CT CHEST")
    nothing.put(0x00100010, "PN", b"Nobody^Here")
    result = deidentify(nothing, encoding, load_profile("tcia"), CollectionKeys.derive(bytes(32), "warm"))
    check(nothing, result.data_set, encoding, b"")
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
