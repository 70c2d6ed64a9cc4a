"""One object on its way through the object stages."""

import mmap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pacs.deid import CollectionKeys, Context, Result
from pacs.deid.pixels import PixelOutcome
from pacs.deid.profiles import Profile
from pacs.dicom.elements import Buffer, DataSet
from pacs.dicom.fileformat import FileStart
from pacs.dicom.syntaxes import Encoding
from pacs.model import CollectionInfo, CrosswalkRow, Envelope, PixelFrame
from pacs.pipeline.learned import LearnedNames


@dataclass(frozen=True, slots=True)
class Description:
    """What is committed beside the blob: see `pacs.model.Publication`."""

    metadata_json: bytes
    attributes: Mapping[str, str]
    frames: tuple[PixelFrame, ...]
    notes: str
    crosswalk: tuple[CrosswalkRow, ...]


@dataclass(slots=True)
class Work:
    """What the stages know and make. Identified: never logged, never stored outside the wall.

    `scratch` is a folder inside the wall for temporary files; who made the work empties it.
    """

    file: mmap.mmap | bytes
    collection: CollectionInfo
    profile: Profile
    keys: CollectionKeys
    context: Context
    scratch: Path
    learned: LearnedNames | None = None
    envelope: Envelope | None = None
    start: FileStart | None = None
    encoding: Encoding | None = None
    original: DataSet = field(default_factory=DataSet)
    result: Result | None = None
    transfer_syntax_uid: str = ""
    pieces: tuple[Buffer, ...] = ()
    flags: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    pixels: PixelOutcome | None = field(default=None, repr=False)
    description: Description | None = field(default=None, repr=False)

    def policy(self, name: str) -> str:
        """The collection's choice of `pixels`, `faces` or `documents`, else the profile's."""
        chosen: str = getattr(self.collection, name) or getattr(self.profile.settings, name)
        return chosen
