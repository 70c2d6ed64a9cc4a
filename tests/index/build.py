"""Builders of publications for tests of the index and of the doors."""

from datetime import UTC, datetime
from pathlib import Path

import orjson

from pacs.model import PixelFrame, Publication

CT = "1.2.840.10008.5.1.4.1.1.2"
SR = "1.2.840.10008.5.1.4.1.1.88.33"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def publication(  # every test says only what matters to it
    sop: str = "2.25.1000",
    *,
    study: str = "2.25.10",
    series: str = "2.25.100",
    collection: int = 1,
    sop_class: str = CT,
    released: bool = True,
    content: str = "first",
    size: int = 1000,
    original: str = "",
    metadata: dict[str, object] | None = None,
    **attributes: str,
) -> Publication:
    """A publication with sensible attributes; `content` stands for what was received and what became of it."""
    named = {
        "PatientName": "TRIAL-0001",
        "PatientID": "TRIAL-0001",
        "StudyDate": "20200115",
        "StudyTime": "101500",
        "AccessionNumber": "A1",
        "StudyDescription": "CT Thorax",
        "Modality": "CT",
        "SeriesNumber": "2",
        "SeriesDescription": "Axial 5mm",
        "InstanceNumber": "1",
        "Rows": "512",
        "Columns": "512",
    } | {key.replace("__", "."): value for key, value in attributes.items()}
    groups = dict(zip(("Alphabetic", "Ideographic", "Phonetic"), named["PatientName"].split("="), strict=False))
    json = metadata or {"00080018": {"vr": "UI", "Value": [sop]}, "00100010": {"vr": "PN", "Value": [groups]}}
    return Publication(
        intake_id=f"i-{sop}-{content}",
        envelope_id="e-1",
        collection_id=collection,
        study_uid=study,
        series_uid=series,
        sop_uid=sop,
        sop_class_uid=sop_class,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        attributes=named,
        metadata_json=orjson.dumps(json),
        frames=(PixelFrame(((500, size - 500),)),),
        blob_path=Path(f"{collection}/{sop}-{content}"),
        blob_digest=f"{collection}-{sop}-{content}",
        size_bytes=size,
        received_md5=f"md5-{content}",
        received_bytes=size,
        original_hmac=original or f"hmac-{sop}",
        study_hmac=f"hmac-{study}",
        profile_version="1",
        key_id=1,
        released=released,
    )
