"""Traps around the data set: file meta, preamble, trailing padding, codec metadata, bytes after the last frame."""

import re

import numpy as np
import pydicom
from pydicom.dataelem import DataElement
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless

from tests.deid.corpus import pixels
from tests.deid.corpus.planted import Planted


def file_meta(obj: Planted) -> None:
    """AE titles, private information, a version name with the site's name."""
    person = obj.person
    obj.meta["SourceApplicationEntityTitle"] = person.station
    obj.meta["SendingApplicationEntityTitle"] = f"{person.station}S"
    obj.meta["ReceivingApplicationEntityTitle"] = f"{person.station}R"
    obj.meta["PrivateInformationCreatorUID"] = "1.2.840.99999.7.9"
    obj.meta["PrivateInformation"] = f"{person.patient_id} {person.accession}  ".encode()[:20]
    obj.expect("raw_bytes", "meta", [person.station, person.patient_id, "1.2.840.99999.7.9"])


def preamble(obj: Planted) -> None:
    """A name in the 128 bytes that applications may use."""
    secret = f"{obj.person.patient_id} {obj.person.accession}".encode()
    obj.preamble = secret + b"\0" * (128 - len(secret))
    obj.expect("raw_bytes", "preamble", [obj.person.patient_id, obj.person.accession])


def trailing_padding(obj: Planted) -> None:
    """(FFFC,FFFC) with a name."""
    secret = f"{obj.person.patient_id} {obj.person.accession}".encode()
    obj.ds.add(DataElement(0xFFFCFFFC, "OB", secret + b"\0" * (len(secret) % 2)))
    obj.expect("text_removed", "FFFCFFFC", [])


def encoded_names(obj: Planted) -> None:
    """An id in an ICC profile's description, and one as UTF-16 in bytes that no table lists."""
    wide = obj.person.patient_id.encode("utf-16-le")
    obj.ds.add(DataElement(0x00282114, "CS", "ISO_15444_1"))
    obj.ds.add(DataElement(0x00189F00, "OB", wide + b"\0" * (len(wide) % 2)))
    obj.removed("00189F00", obj.person.patient_id)
    profile = b"\0\0\1\0none\2\x10\0\0mntrRGB XYZ " + b"\0" * 40 + b"desc\0\0\0\0" + obj.person.patient_id.encode() * 2
    obj.ds.ICCProfile = profile + b"\0" * (len(profile) % 2)
    obj.expect("codec_metadata", "", [obj.person.patient_id])


def after_the_last_frame(obj: Planted) -> None:
    """Bytes behind the pixels that Rows, Columns and frames account for."""
    if obj.is_image and not obj.fixed_syntax and "PixelData" in obj.ds:
        secret = f"{obj.person.patient_id}/{obj.person.accession}".encode()
        obj.ds.PixelData = obj.ds.PixelData + secret + b"\0" * (len(secret) % 2)
        obj.fixed_syntax = True
        obj.expect("raw_bytes", "", [obj.person.patient_id, obj.person.accession])


def codec_metadata(obj: Planted) -> None:
    """COM and APP segments, boxes, in the codestream of each frame."""
    if obj.fixed_syntax or not obj.is_image or obj.syntax != "1.2.840.10008.1.2.1" or obj.ds.SamplesPerPixel != 1:
        return
    secret = f"{obj.person.given if obj.person.given.isascii() else ''} {obj.person.patient_id}"
    frames = _frames(obj.ds)
    kind = obj.rng.choice(("jpeg", "jls", "j2k", "jp2"))
    if kind == "jpeg":
        if obj.ds.BitsStored != 8:
            kind = "jls"
        else:
            coded = [pixels.jpeg(frame, pixels.com(secret), pixels.app1(secret)) for frame in frames]
            _encapsulate(obj, coded, pixels.JPEG)
            obj.ds.LossyImageCompression = "01"
    if kind != "jpeg":
        _compress(obj, kind, secret)
    obj.expect("codec_metadata", "", [obj.person.patient_id])


def _compress(obj: Planted, kind: str, secret: str) -> None:
    ds = obj.ds
    holder = pydicom.Dataset()
    holder.file_meta = pydicom.dataset.FileMetaDataset()
    holder.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    for element in ds.group_dataset(0x0028):
        holder.add(element)
    holder.PixelData, holder.SOPInstanceUID = ds.PixelData, "1.2.3"
    holder["PixelData"].VR = ds["PixelData"].VR
    holder.compress(JPEGLSLossless if kind == "jls" else JPEG2000Lossless, generate_instance_uid=False)
    rows, columns = ds.Rows, ds.Columns
    count = int(ds.get("NumberOfFrames", 1))
    coded = list(pydicom.encaps.generate_frames(holder.PixelData, number_of_frames=count))
    if kind == "jls":
        coded = [pixels.with_segments(frame, pixels.com(secret)) for frame in coded]
    elif kind == "j2k":
        coded = [pixels.with_segments(frame, pixels.j2k_com(secret)) for frame in coded]
    else:
        coded = [pixels.in_jp2(_without_padding(frame), rows, columns, secret) for frame in coded]
    _encapsulate(obj, coded, pixels.JPEG_LS if kind == "jls" else pixels.J2K)


def _without_padding(frame: bytes) -> bytes:
    return re.sub(rb"\xff\xd9\0*\Z", b"\xff\xd9", frame)


def _frames(ds: pydicom.Dataset) -> list[pixels.Array]:
    kind = "u1" if ds.BitsAllocated == 8 else "<u2"
    values = np.frombuffer(ds.PixelData, kind, int(ds.get("NumberOfFrames", 1)) * ds.Rows * ds.Columns)
    return list(values.reshape(-1, ds.Rows, ds.Columns))


def _encapsulate(obj: Planted, coded: list[bytes], syntax: str) -> None:
    obj.ds.PixelData = pixels.encapsulated(coded)
    obj.ds["PixelData"].VR = "OB"
    obj.ds["PixelData"].is_undefined_length = True
    obj.syntax, obj.fixed_syntax = syntax, True


AROUND = (file_meta, preamble, trailing_padding, encoded_names, after_the_last_frame, codec_metadata)


def jpeg_banner(obj: Planted) -> None:
    """A lossy JPEG of an object with burned-in text, with metadata in the codestream as well."""
    if obj.syntax == "1.2.840.10008.1.2.1" and obj.ds.get("PhotometricInterpretation") == "MONOCHROME2":
        coded = [pixels.jpeg(frame, pixels.com(obj.person.patient_id)) for frame in _frames(obj.ds)]
        _encapsulate(obj, coded, pixels.JPEG)
        obj.ds.LossyImageCompression = "01"
        obj.expect("codec_metadata", "", [obj.person.patient_id])
