"""What takes the place of each stage of RSNA CTP here, and of each of its attributes. Facts for `translation`.

An attribute with the sentence "" needs no word: it is translated, or without meaning here.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Counterpart(NamedTuple):
    """`told` is said of the stage, "" nothing; `attributes` what is said of each. `known`: it has a counterpart."""

    told: str = ""
    attributes: Mapping[str, str] = {}
    known: bool = True


NONE = Counterpart(known=False)
EVERYWHERE: Mapping[str, str] = dict.fromkeys(("name", "class", "id", "root", "quarantine"), "")
_PORT = "all senders share one port here: http.port, or dimse.port, of the settings"
_TLS = "TLS is set for the whole server, by dimse.tls_* or a proxy in front; see docs/operator.md"
_USER = "credentials are always wanted: pacs user add, pacs token create"
_NEEDLESS = "it needs no stage here"
_BUILT_IN = "done here for every object"
_EXPORT = {"dicomScript": "", "url": "", "enableExport": ""}
_FILES = {"structure": "the archive keeps files in its own order; pacs deid and WADO-RS give them out"}
_ARCHIVE = Counterpart("the archive itself stores objects", _FILES)

STAGES: Mapping[str, Counterpart] = {
    "HttpImportService": Counterpart(
        "senders send to /ctp/{collection}, or to any path that ctp.paths of the settings names",
        {"port": _PORT, "ssl": _TLS, "zip": "", "requireAuthentication": _USER, "logConnections": ""},
    ),
    "PollingHttpImportService": Counterpart(attributes={"url": "", "zip": ""}),
    "DicomImportService": Counterpart(
        "senders call the archive, or the collection's own AE title: pacs collection set {collection} --called-aet",
        {"port": _PORT, "suppressDuplicates": "", "logConnections": "", "useSkipTable": "all syntaxes are taken"},
    ),
    "DicomSTOWRSImportService": Counterpart(
        "senders store at /dicom-web/studies?collection={collection}",
        {"port": _PORT, "ssl": _TLS, "requireAuthentication": _USER},
    ),
    "DirectoryImportService": Counterpart(
        "intake.folders of the settings names folders that are watched",
        {"import": "", "interval": "", "minAge": "files count once they have settled"},
    ),
    "ArchiveImportService": Counterpart(
        "pacs import FOLDER --collection {collection} takes a folder in", {"treeRoot": ""}
    ),
    "DicomFilter": Counterpart(attributes={"script": ""}),
    "DuplicateFilter": Counterpart("duplicates are known by content: pacs collection set {collection} --duplicates"),
    "DicomAnonymizer": Counterpart(attributes={"script": "", "lookupTable": ""}),
    "DicomPixelAnonymizer": Counterpart(attributes={"script": "", "setBurnedInAnnotation": "", "log": ""}),
    "DicomMammoPixelAnonymizer": Counterpart("text in pixels is found by reading it"),
    "DicomDecompressor": Counterpart(_NEEDLESS, {"script": _NEEDLESS, "skipJPEGBaseline": ""}),
    "DicomTranscoder": Counterpart(
        "objects keep their syntax; whoever fetches them may ask for another", {"tsuid": "", "quality": ""}
    ),
    "LookupTableChecker": Counterpart("objects whose key is missing wait; rows are added at /lookup/{collection}"),
    "IDMap": Counterpart(
        "pacs trace ID tells what became of a UID or patient id; pacs collection crosswalk writes both"
    ),
    "ObjectTracker": Counterpart("/submissions and pacs trace tell what came and what became of it"),
    "DatabaseVerifier": Counterpart(
        "for sites that send here: /ctp/{collection}?uids= answers their verifiers",
        dict.fromkeys(("url", "username", "password", "interval", "maxAge"), ""),
    ),
    "ObjectCache": Counterpart(_NEEDLESS),
    "ObjectLogger": Counterpart("the log has a line for each object"),
    "PerformanceLogger": Counterpart("/metrics has counts, the log durations"),
    "MemoryMonitor": Counterpart("/metrics tells it"),
    "DicomAuditLogger": Counterpart("receipts and the audit trail are always kept"),
    "DicomDifferenceLogger": Counterpart("pacs deid --report tells what was changed in each element"),
    "FileStorageService": _ARCHIVE,
    "BasicFileStorageService": _ARCHIVE,
    "DirectoryStorageService": _ARCHIVE,
    "HttpExportService": Counterpart(
        attributes=_EXPORT | dict.fromkeys(("username", "password", "contentType", "sendDigestHeader"), "")
    ),
    "PolledHttpExportService": Counterpart(attributes={"port": _PORT, "dicomScript": "", "enableExport": ""}),
    "DicomExportService": Counterpart(attributes=_EXPORT),
    "AuditLog": Counterpart(_BUILT_IN),
}
SERVER: Mapping[str, str] = {
    "port": "the port is http.port of the settings",
    "ssl": _TLS,
    "maxThreads": "",
    "requireAuthentication": _USER,
    "usersClassName": "users are added by pacs user add, with a token each",
}
PIPELINE: Mapping[str, str] = {
    "name": "",
    "root": "",
    "enabled": "",
    "admin": "curators and administrators are users: pacs user add NAME --role curator --collection {collection}",
}
