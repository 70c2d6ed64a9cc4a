"""One object on its way through the object stages."""

import mmap
from collections.abc import Mapping
from dataclasses import dataclass, field

from pacs.deid import CollectionKeys, Result
from pacs.deid.profiles import Profile
from pacs.dicom.elements import Buffer, DataSet
from pacs.dicom.fileformat import FileStart
from pacs.dicom.syntaxes import Encoding
from pacs.model import CollectionInfo, Envelope
from pacs.spool import Entry


@dataclass(slots=True)
class Work:
    """What the stages know and make. Identified: never logged, never stored outside the wall."""

    entry: Entry
    collection: CollectionInfo
    envelope: Envelope | None
    profile: Profile
    keys: CollectionKeys
    file: mmap.mmap | bytes
    start: FileStart | None = None
    encoding: Encoding | None = None
    original: DataSet = field(default_factory=DataSet)
    result: Result | None = None
    transfer_syntax_uid: str = ""
    pieces: tuple[Buffer, ...] = ()
    flags: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
