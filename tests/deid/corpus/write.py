"""Writing an object as a file: transfer syntaxes, file meta, preamble."""

import warnings
from pathlib import Path

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID

from tests.deid.corpus.planted import Planted

IMPLICIT, EXPLICIT, DEFLATED, BIG = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
)
J2K, JPEG_LS, RLE = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5"
_PLAIN = (EXPLICIT, EXPLICIT, EXPLICIT, IMPLICIT, IMPLICIT, DEFLATED, BIG)
_COMPRESSED = (J2K, JPEG_LS, RLE)


def choose_syntax(obj: Planted) -> None:
    """Give an object a transfer syntax that suits it."""
    if obj.syntax != EXPLICIT:
        return
    has_pixels = "PixelData" in obj.ds and obj.is_image
    if has_pixels and not obj.fixed_syntax and obj.rng.random() < 0.45:
        obj.syntax = obj.rng.choice(_COMPRESSED)
        return
    has_words = any(element.VR in ("OW", "UN", "OB") and element.tag.group != 0x7FE0 for element in obj.ds.iterall())
    plain = [syntax for syntax in _PLAIN if syntax != BIG or not has_words]
    obj.syntax = obj.rng.choice(plain)


def write(obj: Planted, folder: Path) -> None:
    """Write the object as a PS3.10 file."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = obj.ds.SOPClassUID, obj.ds.SOPInstanceUID
    meta.TransferSyntaxUID = UID(obj.syntax if obj.syntax not in _COMPRESSED or _is_encapsulated(obj.ds) else EXPLICIT)
    for keyword, value in obj.meta.items():
        setattr(meta, keyword, value)
    implicit, little = obj.syntax == IMPLICIT, obj.syntax != BIG
    ds = FileDataset("", obj.ds, obj.preamble, meta, is_implicit_VR=implicit, is_little_endian=little)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if obj.syntax in _COMPRESSED and not _is_encapsulated(obj.ds):
            ds.compress(UID(obj.syntax), generate_instance_uid=False)
            ds.file_meta.update({element.tag: element for element in meta})
            ds.file_meta.TransferSyntaxUID = UID(obj.syntax)
        if obj.syntax == BIG:
            _swap(ds)
        dcmwrite(folder / obj.file, ds, enforce_file_format=True)


def _is_encapsulated(ds: Dataset) -> bool:
    return "PixelData" in ds and bool(ds["PixelData"].is_undefined_length)


def _swap(ds: Dataset) -> None:
    if "PixelData" in ds and ds.BitsAllocated == 16:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
