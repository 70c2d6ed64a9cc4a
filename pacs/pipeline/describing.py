"""What the index and the vault are told of an object, made before it is written."""

from pacs.dicom.elements import DataSet
from pacs.dicom.frames import PIXELS, frame_ranges, frame_ranges_of
from pacs.dicom.json import dicom_json, index_attributes
from pacs.dicom.syntaxes import Encoding
from pacs.model import Keep, Outcome, PixelFrame
from pacs.pipeline.crosswalk import crosswalk_rows
from pacs.pipeline.notes import notes_of
from pacs.pipeline.work import Description, Work


def describe(work: Work) -> Outcome:
    """The last stage: DICOM JSON, index columns, places of the frames, notes, old and new identifiers."""
    result = work.result
    assert result is not None
    assert work.encoding is not None
    work.description = Description(
        metadata_json=dicom_json(result.data_set, work.encoding, work.transfer_syntax_uid),
        attributes=index_attributes(result.data_set, work.encoding),
        frames=_frames(work, result.data_set, work.encoding),
        notes=notes_of(work),
        crosswalk=crosswalk_rows(work.original, result),
    )
    return Keep()


def _frames(work: Work, data_set: DataSet, encoding: Encoding) -> tuple[PixelFrame, ...]:
    """Where the frames will stand in the blob: its pieces tell where the pixel data does."""
    element = next((data_set[tag] for tag in PIXELS if tag in data_set), None)
    if element is None or not len(element.value):
        return ()
    position = 0
    for piece in work.pieces:
        if piece is element.value:
            return frame_ranges_of(data_set, encoding, work.transfer_syntax_uid, position)
        position += len(piece)
    return frame_ranges(b"".join(work.pieces), work.transfer_syntax_uid)  # they were written in another byte order
