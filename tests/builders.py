"""Small real objects for tests, made with pydicom: a second opinion on how DICOM is written."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from pacs.dicom.elements import parse
from pacs.dicom.fileformat import read_start
from pacs.dicom.syntaxes import encoding_of
from pacs.dicom.writing import encode
from pacs.model import Door, Envelope

CT = "1.2.840.10008.5.1.4.1.1.2"
ROOT = "1.2.826.0.1.3680043.8.498."


def uid(name: str) -> str:
    """The same UID for the same name."""
    return str(generate_uid(ROOT, entropy_srcs=[name]))


def make_ct(sop: str = "i1", series: str = "s1", study: str = "t1", patient: str = "P1", **values: Any) -> FileDataset:
    """A complete little CT slice. Names stand for UIDs; `values` are further attributes by keyword."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(CT), UID(uid(sop))
    meta.TransferSyntaxUID = values.pop("syntax", ExplicitVRLittleEndian)
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = CT, uid(sop)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid(study), uid(series)
    ds.FrameOfReferenceUID = uid(f"frame-{study}")
    ds.PatientName, ds.PatientID = f"Quixotic^{patient}", f"ID-{patient}-4711"
    ds.PatientBirthDate, ds.PatientSex = "19600101", "F"
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = "20200115"
    ds.StudyTime = ds.ContentTime = "101112"
    ds.AccessionNumber, ds.StudyID = f"ACC{patient}99", "1"
    ds.ReferringPhysicianName, ds.InstitutionName = "Referrer^Regina", "Hospital Of Testing"
    ds.StudyDescription, ds.SeriesDescription = "CT CHEST", "AXIAL"
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "CT", 1, 1
    ds.Manufacturer, ds.ImageType = "ACME", ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.PositionReferenceIndicator = ""
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SliceThickness, ds.KVP = [1, 1], 1, 120
    ds.Rows = ds.Columns = 8
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation, ds.SamplesPerPixel = 15, 1, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.RescaleIntercept, ds.RescaleSlope = -1024, 1
    ds.PixelData = bytes(range(128))
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def file_bytes(ds: Dataset) -> bytes:
    """The object as a PS3.10 file."""
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def ct_bytes(**values: Any) -> bytes:
    """`make_ct` as file bytes."""
    return file_bytes(make_ct(**values))


def make_envelope(*collection_ids: int, number: str = "e1") -> Envelope:
    """Door facts as an association from a peer named SENDER would have them."""
    return Envelope(
        id=number * 8,
        door=Door.DIMSE,
        node="node1",
        peer="SENDER",
        called_aet="TRIALPACS",
        address="127.0.0.1",
        principal="SENDER",
        site="",
        collection_ids=collection_ids or (1,),
        opened_at=datetime(2026, 1, 2, tzinfo=UTC),
    )


def put(folder: Path, content: bytes, name: str = "1.part") -> Path:
    """A temporary file as a door leaves it."""
    path = folder / name
    path.write_bytes(content)
    return path


def with_raw(content: bytes, tag: int, vr: str, value: bytes) -> bytes:
    """A file with one element's bytes replaced, whatever they are."""
    start = read_start(content)
    encoding = encoding_of(start.transfer_syntax_uid)
    data_set = parse(content[start.data_set_offset :], encoding)
    data_set.put(tag, vr, value)
    return content[: start.data_set_offset] + b"".join(encode(data_set, encoding, encoding))
