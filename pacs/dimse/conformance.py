"""The DICOM conformance statement, in the structure of PS3.2, written out of the tables that the server runs on."""

from collections.abc import Iterable, Sequence

from pydicom.charset import python_encoding

from pacs import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, __version__
from pacs.config import DimseSettings, Settings
from pacs.dicom.syntaxes import IMPLICIT_LE, STORAGE_CLASSES, TRANSFER_SYNTAXES, name_of
from pacs.dimse import negotiation as n
from pacs.dimse import status as s
from pacs.dimse.find import SEARCH_S
from pacs.dimse.identifier import LEVEL_NAMES
from pacs.dimse.options import LEAST_PDU_BYTES, ScpOptions
from pacs.dimse.tls import CIPHERS
from pacs.errors import NotAllowed, Refused
from pacs.index.attributes import ATTRIBUTES, UNIQUE_KEYS, Attribute, Kind
from pacs.model import Level

_FIND = (n.STUDY_ROOT_FIND, n.PATIENT_ROOT_FIND, n.PATIENT_STUDY_ONLY_FIND)
_MOVE = (n.STUDY_ROOT_MOVE, n.PATIENT_ROOT_MOVE, n.PATIENT_STUDY_ONLY_MOVE, n.COMPOSITE_ROOT_MOVE)
_GET = (n.STUDY_ROOT_GET, n.PATIENT_ROOT_GET, n.PATIENT_STUDY_ONLY_GET, n.COMPOSITE_ROOT_GET)
_MATCHED = {
    Kind.UID: "single value, list",
    Kind.CODE: "single value, wildcard, list",
    Kind.TEXT: "single value, wildcard; case and accents do not count",
    Kind.NAME: "single value, wildcard; case and accents do not count",
    Kind.DATE: "single value, range",
    Kind.TIME: "single value, range",
    Kind.DATETIME: "single value, range",
    Kind.NUMBER: "single value, list",
    Kind.LIST: "any of the values",
    Kind.COUNT: "returned only",
    Kind.OF_SERIES: "any of the values, over the study's series",
}
_NOT_OFFERED = (
    ("Modality Worklist", "1.2.840.10008.5.1.4.31"),
    ("Modality Performed Procedure Step", "1.2.840.10008.3.1.2.3.3"),
    ("Instance Availability Notification", "1.2.840.10008.5.1.4.33"),
    ("Unified Procedure Step, Push", "1.2.840.10008.5.1.4.34.6.1"),
    ("Composite Instance Root Retrieve, Get", "1.2.840.10008.5.1.4.1.2.4.3"),
    ("Basic Grayscale Print Management", "1.2.840.10008.5.1.1.9"),
    ("Media Storage Directory", "1.2.840.10008.1.3.10"),
)


def statement(settings: Settings) -> str:
    """The whole statement as Markdown, for these settings."""
    dimse = settings.dimse
    parts = (
        _overview(),
        _introduction(),
        _application_entities(dimse),
        _association_policies(dimse),
        _verification(),
        _storage(settings),
        _storage_status(),
        _query(dimse),
        _retrieve(),
        _commitment(),
        _as_user(),
        _configuration(dimse),
        _media(),
        _character_sets(),
        _security(dimse),
        _not_supported(),
    )
    return "\n".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def code(status: int) -> str:
    """A status as the standard writes it."""
    return f"{status:04X}H"


def _overview() -> str:
    rows = [
        ("Verification", "yes", "yes", "C-ECHO"),
        ("Storage", "yes", "yes", f"{len(STORAGE_CLASSES)} SOP classes; private ones by policy"),
        ("Query", "no", "yes", "C-FIND: Study Root, Patient Root, Patient/Study Only"),
        ("Retrieve", "no", "yes", "C-MOVE and C-GET: Study Root, Patient Root, Patient/Study Only"),
        ("Storage Commitment, Push", "no", "yes", "per collection, off by default"),
    ]
    return f"""\
# DICOM conformance statement

TrialPACS {__version__}. Printed by `pacs conformance` out of the tables that the server runs on.

## 1. Overview

TrialPACS is a research archive that de-identifies what it receives. What is sent to it identifies; what it answers,
sends and shows is de-identified, with new UIDs.

{table(("service", "as user (SCU)", "as provider (SCP)", "remark"), rows)}"""


def _introduction() -> str:
    return """\
## 2. Introduction

For those who connect modalities, workstations and other archives. Conformance to the standard does not by itself mean
that two products work together; `docs/workstations.md` says what was tried. Terms are those of PS3.1 to PS3.18. AE:
application entity; SCU: service class user; SCP: service class provider; UID: unique identifier.
"""


def _application_entities(dimse: DimseSettings) -> str:
    facts = [
        ("AE title", f"{dimse.aet}; collections may have titles of their own"),
        ("application context", n.APPLICATION_CONTEXT),
        ("implementation class UID", IMPLEMENTATION_CLASS_UID),
        ("implementation version name", IMPLEMENTATION_VERSION_NAME),
        ("maximum PDU that we take", f"{max(LEAST_PDU_BYTES, dimse.pdu_bytes)} bytes"),
        ("maximum PDU that we send", "what the peer announces, from 4096 bytes; without limit when it announces 0"),
        ("asynchronous operations", "not negotiated: one operation at a time"),
        ("associations at once", f"{dimse.max_associations} over all processes; a peer may have its own limit"),
    ]
    return f"""\
## 3. Networking

### 3.1 Implementation model

One application entity. It takes objects in and queues them durably; workers de-identify them and put them into the
archive; queries and retrieves answer from the archive. It opens associations to send objects (C-MOVE, `pacs send`,
forwarding), to report storage commitment, and to verify (`pacs peer echo`).

### 3.2 Application entity

{table(("what", "value"), facts)}"""


def _association_policies(dimse: DimseSettings) -> str:
    rejections = [
        (n.APPLICATION_CONTEXT_UNKNOWN, "another application context"),
        (n.CALLED_AET_UNKNOWN, "another called AE title, when titles are checked"),
        (n.CALLING_AET_UNKNOWN, "calling AE title unknown, disabled, from another host or without its certificate"),
        (n.NO_REASON_GIVEN, "user identity needed, and missing or wrong"),
        (n.TEMPORARY_CONGESTION, "the server is stopping"),
        (n.LOCAL_LIMIT_EXCEEDED, "too many associations, in all or of this AE title"),
    ]
    rows = [(f"{each.result} / {each.source} / {each.reason}", why) for each, why in rejections]
    rows.insert(1, ("1 / 2 / 2", "protocol version without bit 0"))
    times = [
        ("association request (ARTIM)", dimse.acse_timeout_s, "the connection is closed"),
        ("silence between messages", dimse.idle_timeout_s, "A-ABORT"),
        ("silence inside a PDU, or a peer that does not read", dimse.transfer_timeout_s, "the connection is closed"),
    ]
    results = [
        (n.ACCEPTED, "accepted, with a transfer syntax out of those proposed"),
        (n.USER_REJECTION, "the roles asked for leave nothing to do"),
        (n.NO_ABSTRACT_SYNTAX, "SOP class not offered"),
        (n.NO_TRANSFER_SYNTAX, "none of the transfer syntaxes offered"),
    ]
    return f"""\
### 3.3 Association policies

Each presentation context (up to 128) is judged by itself. The sender's first transfer syntax that we know is chosen,
unless the peer's rules prefer others. An association of which no context is acceptable is accepted with all refused.

{table(("result of a context", "when"), results)}
{table(("result / source / reason", "rejected because"), rows)}
PDUs that cannot be read, impossible lengths and PDVs of contexts that were not accepted end in A-ABORT, source 2.

{table(("wait", "seconds", "then"), times)}
Extended negotiation: relational queries and retrieves, combined date and time matching, fuzzy matching of names.
Role selection: honoured for storage SOP classes (C-GET). User identity: section 6.
"""


def _verification() -> str:
    return f"""\
### 3.4 Verification (SCP and SCU)

| SOP class | UID |
|---|---|
| {name_of(n.VERIFICATION)} | {n.VERIFICATION} |

Status {code(s.SUCCESS)}, or {code(s.NOT_AUTHORISED)} for a peer that may not.
"""


def _storage(settings: Settings) -> str:
    classes = sorted(STORAGE_CLASSES, key=lambda uid: [int(each) for each in uid.split(".")])
    private = {"accept": "accepted", "refuse": "refused (result 3)"}[settings.dimse.private_sop_classes]
    if settings.pipeline.private_sop_classes == "quarantine" and private == "accepted":
        private = "accepted into quarantine"
    return f"""\
### 3.5 Storage (SCP and SCU)

Level 2 (full) until an object is de-identified; elements that the collection's profile removes are not kept. SOP
classes that the standard does not know are {private}; their UIDs must be of an arc that was given to somebody, or of
DICOM's own for storage, else result 3.

{table(("SOP class", "UID"), ((name_of(uid), uid) for uid in classes))}
Transfer syntaxes, for all of them:

{table(("transfer syntax", "UID"), ((name_of(uid), uid) for uid in TRANSFER_SYNTAXES))}
Deflated data sets are kept inflated; all else is kept in the encoding in which it came.

"""


def _storage_status() -> str:
    rows: list[tuple[str, str]] = [(code(s.SUCCESS), "safe on disk and in line for de-identification")]
    by_code: dict[int, list[str]] = {}
    for kind, status in s.STATUS_OF.items():
        if issubclass(kind, Refused | NotAllowed):
            by_code.setdefault(status, []).append((kind.__doc__ or "").partition(".")[0])
    of_storage = [s.OUT_OF_RESOURCES, s.DOES_NOT_MATCH_SOP_CLASS, s.CANNOT_UNDERSTAND]
    of_storage += [s.SOP_CLASS_NOT_SUPPORTED, s.NOT_AUTHORISED]
    rows += [(code(each), "; ".join(by_code[each])) for each in of_storage]
    rows.append((code(s.PROCESSING_FAILURE), "anything else that went wrong"))
    return f"""\
{table(("status", "means"), rows)}
Failures carry Error Comment (0000,0902) without patient data and, when one element is at fault, Offending Element
(0000,0901). De-identification is no coercion of the sender's object: the answer is {code(s.SUCCESS)}. An object with a
SOP instance UID that is there already is kept, replaced or quarantined by the collection's policy.
"""


def _attribute(each: Attribute) -> tuple[str, str, str, str]:
    unique = "unique key; " if each.keyword in UNIQUE_KEYS.values() else ""
    return LEVEL_NAMES[each.level], each.keyword, each.vr, unique + _MATCHED[each.kind]


def _query(dimse: DimseSettings) -> str:
    order = {level: place for place, level in enumerate(Level)}
    found = sorted(ATTRIBUTES.values(), key=lambda each: order[each.level])
    limit = f"{dimse.find_limit} matches" if dimse.find_limit else "no limit"
    rows = [
        (code(s.PENDING), "a match"),
        ("FF01H", "a match; keys were asked for that are private, or of a lower level"),
        (code(s.SUCCESS), "end of the matches"),
        (code(s.CANCEL), "cancelled"),
        (code(s.OUT_OF_RESOURCES), f"more matches than the limit ({limit}), or a search that takes too long"),
        (code(s.DOES_NOT_MATCH_SOP_CLASS), "level missing or unknown, unique keys of upper levels missing"),
        (code(s.NOT_AUTHORISED), "the peer may not query"),
    ]
    return f"""\
### 3.6 Query (SCP)

{table(("SOP class", "UID"), ((name_of(uid), uid) for uid in _FIND))}
Transfer syntaxes: {", ".join(sorted(name_of(uid) for uid in n.QUERY_SYNTAXES))}.

{table(("level", "key", "VR", "matching"), map(_attribute, found))}
Each match also has Query/Retrieve Level, the unique keys of its level and those above, Retrieve AE Title, Instance
Availability, and Specific Character Set when a value is not ASCII. Several keys combine with AND.

Other attributes of PS3.6 are keys too, at the level whose modules have them (all others: IMAGE). They are matched
against stored objects, and returned from one of the objects below the match; values that are bulk data come empty.
Matching them reads object by object, for at most {SEARCH_S:g} s. Private attributes are not supported.

{table(("status", "means"), rows)}"""


def _retrieve() -> str:
    rows = [
        (code(s.PENDING), "under way, at least every second"),
        (code(s.SUCCESS), "all were sent; or there was nothing to send"),
        (code(s.SUBOPERATIONS_WITH_FAILURES), "some failed, or were taken with a warning"),
        (code(s.UNABLE_TO_PERFORM_SUBOPERATIONS), "none could be sent"),
        (code(s.DESTINATION_UNKNOWN), "C-MOVE: the destination is no known peer"),
        (code(s.CANCEL), "cancelled"),
        (code(s.DOES_NOT_MATCH_SOP_CLASS), "unique keys missing or with wildcards, level unknown"),
        (code(s.NOT_AUTHORISED), "the peer may not retrieve"),
    ]
    return f"""\
### 3.7 Retrieve (SCP)

{table(("SOP class", "UID"), ((name_of(uid), uid) for uid in (*_MOVE, *_GET)))}
Levels PATIENT, STUDY, SERIES, IMAGE; lists of UIDs at the level of the request. Composite Instance Root: IMAGE alone,
without other keys. C-MOVE opens an association under our own title, and names the requestor in Move Originator.
Proposed for each SOP class: the stored transfer syntax alone, and Explicit with Implicit VR Little Endian. Where the
stored one is refused, pixel data are decoded; lossy data are never compressed again. C-GET sends what the requestor
takes as SCP (role selection).

{table(("status", "means"), rows)}
Failed objects are named in (0008,0058) of the last response.
"""


def _commitment() -> str:
    reasons = [
        (code(s.NO_SUCH_INSTANCE), "never received, or the collection gives no commitment"),
        (code(s.PROCESSING_FAILURE), "received, and neither published nor kept"),
        ("0119H", "received as another SOP class"),
        ("0131H", "transaction UID used before"),
        ("0213H", "too much asked at once"),
    ]
    return f"""\
### 3.8 Storage commitment, push model (SCP)

{name_of(n.STORAGE_COMMITMENT)}, {n.STORAGE_COMMITMENT}. Off unless the collection says `published` or `kept`. Requests
name objects by the UIDs with which they were sent. The report (N-EVENT-REPORT) comes on the same association while it
is open, else on a new one to the peer's host and port with us as SCP, again and again, over restarts.

{table(("failure reason", "means"), reasons)}
The archive publishes a de-identified copy. A device that deletes its original after a commitment may delete the only
identified one.
"""


def _as_user() -> str:
    return f"""\
### 3.9 Associations that we open

For C-MOVE, `pacs send` and forwarding: the storage classes of the objects, as above. For storage commitment: role
selection SCU 0, SCP 1. For `pacs peer echo`: {name_of(n.VERIFICATION)} with {name_of(IMPLICIT_LE)} and Explicit VR
Little Endian. Failed objects are sent again with growing pauses by `pacs send` and forwarding, not by C-MOVE.
"""


def _configuration(dimse: DimseSettings) -> str:
    facts = [
        ("port", dimse.port),
        ("port with TLS", dimse.tls_port or "none"),
        ("called AE title checked", "yes" if dimse.check_called_aet else "no"),
        ("callers that are not entered, beyond loopback", dimse.unknown_callers),
        ("time to connect to a peer", f"{ScpOptions().connect_timeout_s:g} s"),
    ]
    return f"""\
### 3.10 Configuration

Peers are entered by AE title, host and port (`pacs peer add`), with the services they may use, the site that
they send for, and rules of their own (`pacs peer set`). Settings are listed in `docs/operator.md`.

{table(("what", "now"), facts)}"""


def _media() -> str:
    return """\
## 4. Media interchange

None. `pacs import` reads PS3.10 files, also those that a DICOMDIR names; it is no application profile of PS3.11.
"""


def _character_sets() -> str:
    terms = ", ".join(sorted(each for each in python_encoding if each))
    return f"""\
## 5. Character sets

Read: {terms}, and the default repertoire. Stored objects keep theirs. Answers are in UTF-8 (ISO_IR 192), or in that of
the request or of the peer's rule where it has all characters; Specific Character Set says which.
"""


def _security(dimse: DimseSettings) -> str:
    identity = "needed from everybody" if dimse.needs_identity else "needed only where a peer's rule says so"
    return f"""\
## 6. Security

- **TLS**: on a port of its own; BCP 195 profile (PS3.15 B.12), TLS 1.2 and 1.3. Of TLS 1.2: `{CIPHERS}`.
  Client certificates: {dimse.tls_clients}. A peer may be bound to its certificate.
- **User identity** (PS3.7 D.3.3.7): type 2, user name and passcode, which is the user's token; {identity}. Types 1, 3,
  4 and 5 are read and prove nothing. The positive response is given when asked for and only for an identity that was
  accepted.
- **De-identification**: PS3.15 Annex E, by the profile of each collection (`pacs profile show NAME`).
- **Audit**: every change and every association is recorded without patient data.
"""


def _not_supported() -> str:
    return f"""\
## 7. What is not supported

Refused with result 3, or with status {code(s.UNRECOGNISED_OPERATION)} where it is an operation:

{table(("service", "UID"), _NOT_OFFERED)}
Nor: query of worklists, timezone query adjustment, enhanced multi-frame conversion, asynchronous operations, JPIP.
"""
