"""Pure DICOM: the structure of data sets, values, files, JSON. No disk, no database, no policy.

`elements.parse` reads a data set into raw elements (tag, VR, bytes) without decoding a value; `elements.encode` writes
it back in any native encoding. Large values are views into the caller's buffer, so an object is never in memory twice.

Why not pydicom for this (2026-11): de-identification decides by raw tag and VR, must copy untouched bytes as they are,
must say exactly where a cut object ends, and runs on every element of every image; pydicom materialises values, repairs
silently and takes 3 to 5 times as long. pydicom stays our dictionary, character set decoder and pixel decoder.
"""

from pacs.dicom.elements import DataSet, Element, parse
from pacs.dicom.writing import encode

__all__ = ["DataSet", "Element", "encode", "parse"]
