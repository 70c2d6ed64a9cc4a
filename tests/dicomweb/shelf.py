"""Objects for tests of searches and metadata, which stand in the archive as they are: so a test knows every value."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import UID

from pacs.wsgi import create_app
from tests.builders import make_ct
from tests.installation import installed
from tests.wire.holdings import publish

SR = "1.2.840.10008.5.1.4.1.1.88.22"


def item(**values: Any) -> Dataset:
    """An item of a sequence."""
    found = Dataset()
    for keyword, value in values.items():
        setattr(found, keyword, value)
    return found


def objects() -> list[FileDataset]:
    """Four studies of three patients: plain, with accents and three groups, with odd characters, and half empty."""
    steps = [
        item(ScheduledProcedureStepID="SPS1", RequestedProcedureID="RP1"),
        item(ScheduledProcedureStepID="SPS2"),
    ]
    anna: dict[str, Any] = {
        "study": "t1",
        "patient": "A",
        "PatientName": "Müller^Anna Bärbel^^Dr",
        "PatientID": "A-1",
        "StudyDate": "20200115",
        "StudyTime": "0930",
        "ReferringPhysicianName": "Weber^Karla",
        "PatientComments": "first",
        "RequestAttributesSequence": steps,
        "PerformedProcedureStepStartDate": "20200115",
        "PerformedProcedureStepStartTime": "101500",
        "TimezoneOffsetFromUTC": "+0100",
    }
    taro: dict[str, Any] = {
        "study": "t2",
        "patient": "B",
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう",
        "PatientID": "B%1_2",
        "StudyDate": "20210301",
        "StudyTime": "101500.5",
        "StudyDescription": "MR HEAD",
        "Modality": "MR",
        "AccessionNumber": "ACC*1",
    }
    empty: dict[str, Any] = {
        "study": "t3",
        "patient": "C",
        "PatientName": "",
        "PatientID": "C-1",
        "StudyDate": "",
        "StudyTime": "",
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "StudyDescription": "",
        "StudyID": "",
        "PatientBirthDate": "",
        "PatientSex": "",
        "Modality": "US",
        "SeriesNumber": None,
        "InstanceNumber": None,
        "NumberOfFrames": 2,
        "PixelData": bytes(256),
        "KVP": None,
    }
    report = make_ct("r1", "s1r", **anna | {"Modality": "SR", "SeriesNumber": 9, "SeriesDescription": ""})
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = UID(SR)
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated", "KVP"):
        delattr(report, keyword)
    slices = [make_ct(f"a{n}", "s1", InstanceNumber=n, KVP=100 + n, SliceLocation=n, **anna) for n in (1, 2, 3)]
    private = slices[0].private_block(0x0009, "TRIAL", create=True)
    private.add_new(0x01, "LO", "mine")
    return [
        *slices,
        report,
        make_ct("b1", "s2", OperatorsName="Ópera^C", **taro),
        make_ct("c1", "s3", **empty),
        make_ct("d1", "s4", study="t4", patient="A", PatientID="A-1", PatientName="Müller^Anna Bärbel^^Dr"),
    ]


@contextmanager
def shelf(folder: Path) -> Iterator[FlaskClient]:
    """A client, who is `local`, of an archive with these objects."""
    with installed(folder) as app:
        publish(app, objects())
        yield create_app(app).test_client()
