"""Running the engine in one line."""

from pacs.deid import CollectionKeys, Context, Result, deidentify, load_profile
from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import Encoding
from tests.dicom.raw_objects import EXPLICIT

BASIC = load_profile("basic")
KEYS = CollectionKeys.derive(b"k" * 32, "inbox")


def run(data_set: DataSet, encoding: Encoding = EXPLICIT, site: str = "") -> Result:
    """De-identify under the basic profile."""
    return deidentify(data_set, encoding, BASIC, KEYS, Context(site=site))


def text(data_set: DataSet, tag: int) -> str:
    """The value of an element as ASCII text without padding."""
    return bytes(data_set[tag].value).decode().strip(" \0")
