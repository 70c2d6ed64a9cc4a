"""Objects that stand in an archive as they are: published without a door, so that a test decides every value."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pydicom.dataset import FileDataset

from pacs.app import App
from pacs.dicom.elements import parse
from pacs.dicom.fileformat import read_start
from pacs.dicom.frames import frame_ranges
from pacs.dicom.json import dicom_json, index_attributes
from pacs.dicom.syntaxes import encoding_of
from pacs.model import State
from tests.builders import file_bytes
from tests.index.build import publication
from tests.installation import inbox_id, installed


def publish(app: App, objects: Iterable[FileDataset | bytes]) -> None:
    """Commit objects to the inbox collection, released."""
    batch = []
    for number, each in enumerate(objects):
        content = each if isinstance(each, bytes) else file_bytes(each)
        start = read_start(content)
        encoding = encoding_of(start.transfer_syntax_uid)
        data_set = parse(content[start.data_set_offset :], encoding)
        attributes = index_attributes(data_set, encoding)
        blob = app.archive.parts.blobs.write([content])
        digest = hashlib.sha256(content).hexdigest()
        made = publication(
            attributes["SOPInstanceUID"],
            study=attributes["StudyInstanceUID"],
            series=attributes["SeriesInstanceUID"],
            collection=inbox_id(app),
            sop_class=attributes["SOPClassUID"],
        )
        batch.append(
            replace(
                made,
                intake_id=f"{number}-{digest}",
                transfer_syntax_uid=start.transfer_syntax_uid,
                attributes=attributes,
                metadata_json=dicom_json(data_set, encoding, start.transfer_syntax_uid),
                frames=frame_ranges(content),
                blob_path=blob.temporary,
                blob_digest=blob.digest,
                size_bytes=blob.size_bytes,
                received_md5=digest,
            )
        )
    states = app.archive.commit(batch)
    assert set(states.values()) == {State.PUBLISHED}, states


def hold(data: Path, objects: Iterable[FileDataset | bytes]) -> None:
    """A data directory whose archive holds these objects."""
    assert data.name == "data"
    with installed(data.parent) as app:
        publish(app, objects)
