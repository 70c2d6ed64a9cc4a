"""Values that cross packages: frozen, checked at the edge, with no behaviour beyond small questions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple


class Level(StrEnum):
    """A level of the query/retrieve information model. PS3.4 C.3; IMAGE in DIMSE is INSTANCE here."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    INSTANCE = "INSTANCE"

    @property
    def depth(self) -> int:
        """0 for PATIENT to 3 for INSTANCE."""
        return _DEPTHS[self._value_]


_DEPTHS = {level.value: depth for depth, level in enumerate(Level)}


class Door(StrEnum):
    """By which protocol something came in."""

    DIMSE = "dimse"
    STOW = "stow"
    IMPORT = "import"
    CTP = "ctp"


class Role(StrEnum):
    """What a user may do, in one collection or in all."""

    ADMIN = "admin"
    CURATOR = "curator"
    SUBMITTER = "submitter"
    RESEARCHER = "researcher"


class Release(StrEnum):
    """Whether a collection's series are seen at once or after review."""

    AUTOMATIC = "automatic"
    REVIEW = "review"


class Access(StrEnum):
    """Who sees the released series of a collection."""

    PUBLIC = "public"
    RESTRICTED = "restricted"


class Duplicates(StrEnum):
    """What happens to another content under a SOP Instance UID that the collection has already."""

    KEEP_FIRST = "keep-first"
    REPLACE = "replace"
    QUARANTINE = "quarantine"


class State(StrEnum):
    """Where an accepted object is. Every receipt ends in one of the last five, or waits in `HELD`."""

    HELD = "held"
    PUBLISHED = "published"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Grant:
    """A role in one collection, or in all when `collection_id` is None."""

    role: Role
    collection_id: int | None = None


class PrincipalKind(StrEnum):
    """How a caller was recognised."""

    ANONYMOUS = "anonymous"
    LOCAL = "local"
    PEER = "peer"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls. `grants` are a user's; a peer's `collections` are what it may see (None: every one).

    `site` is the one that a user or peer sends for; "": the collection's.
    """

    kind: PrincipalKind
    name: str
    grants: tuple[Grant, ...] = ()
    services: frozenset[str] = frozenset()
    collections: frozenset[int] | None = None
    site: str = ""


ANONYMOUS = Principal(PrincipalKind.ANONYMOUS, "anonymous")
DIMSE_SERVICES = ("echo", "store", "find", "move", "get", "commit")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a principal may see: collection ids, by whether unreleased series are included.

    `everything` collections show all series, `released` ones only released series. Disjoint.
    """

    everything: frozenset[int] = frozenset()
    released: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """A collection as the doors and the pipeline see it: one row of the registry's snapshot."""

    id: int
    name: str
    title: str
    profile: str
    profile_version: str
    key_id: int
    key_label: str
    release: Release
    access: Access
    duplicates: Duplicates
    called_aet: str
    site: str
    originals: str
    order: int
    pixels: str = ""  # "" in these three: as the profile says
    faces: str = ""
    documents: str = ""
    trial: str = ""
    site_id: str = ""
    mapped: bool = False  # patients get their new ids from a mapping table
    names_version: str = ""
    words: tuple[str, ...] = ()
    commitment: str = "off"
    tell_senders: bool = True  # whether answers to who stores name new UIDs
    import_filter: str = ""  # a filter script; "" lets everything in
    filter_action: str = "quarantine"  # or drop: what becomes of objects that it does not let in


class PatientRow(NamedTuple):
    """What a collection's mapping table says of one patient. Nothing here identifies: dates are in shifted time.

    `shift_days` None: the collection's key decides. `event_date` (YYYYMMDD) and `event`: the patient's reference event,
    PS3.3 C.7.2.3.
    """

    patient_id: str
    patient_name: str = ""
    shift_days: int | None = None
    event_date: str = ""
    event: str = ""
    site: str = ""
    batch: str = ""


@dataclass(frozen=True, slots=True)
class PeerRules:
    """How we get along with one application entity, beyond what it may do. All are off by default."""

    enabled: bool = True
    """False: its associations are rejected."""
    check_host: bool = False
    """Associations only from the host that it is entered with."""
    max_associations: int = 0
    """At once; 0: no limit of its own."""
    needs_identity: bool = False
    """Associations only with a valid user identity. PS3.7 D.3.3.7."""
    certificate: str = ""
    """SHA-256 of its TLS client certificate, in hex: associations only over TLS with it."""
    relational: bool = False
    """Queries and retrieves as if relational ones had been negotiated."""
    implied_roles: bool = False
    """C-GET without role selection: it takes the storage classes that it proposes."""
    character_set: str = ""
    """Defined term of (0008,0005) for answers, and for keys of requests that name none; empty: as the request."""
    prefer: tuple[str, ...] = ()
    """Transfer syntaxes in the order we like to receive them; empty: the sender's first."""
    tls: bool = False
    """We call it over TLS."""
    parallel: int = 1
    """Associations that one large move to it may use."""
    patience_s: float = 60.0
    """Most time for its answer to one object; then the rest has failed."""


DEFAULT_RULES = PeerRules()


@dataclass(frozen=True, slots=True)
class PeerInfo:
    """An application entity that we know: `allow` is a subset of `DIMSE_SERVICES`, `site` the one that it sends for."""

    aet: str
    host: str
    port: int
    allow: frozenset[str]
    collection_ids: frozenset[int] | None
    rules: PeerRules = DEFAULT_RULES
    site: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Door facts of one association or request; everything about routing that is ever known. No content."""

    id: str
    door: Door
    node: str
    peer: str
    called_aet: str
    address: str
    principal: str
    site: str
    collection_ids: tuple[int, ...]
    opened_at: datetime
    content_md5: str = ""
    """MD5 of the one object of a request, in hexadecimal, where its sender said it; it was found true."""
    sender_site: str = ""
    """The site that its user or peer sends for, as people count; `site` alone counts as a patient id's issuer."""

    @property
    def told_site(self) -> str:
        """The site that counts of submissions are kept by."""
        return self.sender_site or self.site

    @property
    def sender(self) -> str:
        """Who sent it, as people know them: the AE title, else the user."""
        return self.peer or self.principal

    @property
    def submitter(self) -> str:
        """The user who sent it; empty for an application entity without user identity, and for the operator."""
        by_user = self.door in (Door.STOW, Door.CTP) or (self.door is Door.DIMSE and self.principal != self.peer)
        return self.principal if by_user else ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """An object that is durable in the spool. UIDs are the sender's; they must not be logged.

    `intake_ids` has one id per collection that the envelope routes to.
    """

    intake_ids: tuple[str, ...]
    sop_class_uid: str
    sop_uid: str
    study_uid: str
    series_uid: str
    transfer_syntax_uid: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found, without the value: a tag path such as ``00081140[0].00081155``, a rule, and where."""

    path: str
    rule: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Keep:
    """The object goes on."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The object waits for something; `reason` is a sentence that a curator can act on."""

    reason: str
    findings: tuple[Finding, ...] = ()
    waiting_for: str = ""  # keyed digest of the id that the mapping table lacks, or type/digest of a lookup table


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The object cannot be published; `reason` is a sentence that a site can act on."""

    reason: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Drop:
    """An explicit rule says that the object is not wanted."""

    rule: str


Outcome = Keep | Hold | Quarantine | Drop


@dataclass(frozen=True, slots=True)
class InstanceKey:
    """New (de-identified) UIDs of a study, series or instance; `collection` is a name when one was asked for."""

    study_uid: str
    series_uid: str | None = None
    sop_uid: str | None = None
    collection: str | None = None


class StoredInstance(NamedTuple):
    """An instance of the archive as a door needs it to send it. All values are de-identified.

    A tuple, since an answer is often about hundreds of them.
    """

    id: int
    collection_id: int
    collection: str
    patient_id: str
    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    frames: int
    size_bytes: int
    digest: str
    revision: int
    file: str

    @property
    def path(self) -> Path:
        """Where its bytes stand. Made when asked for: metadata of many instances need none."""
        return Path(self.file)


class DescribedInstance(NamedTuple):
    """As much of an instance of the archive as its metadata needs."""

    id: int
    collection_id: int
    study_uid: str
    series_uid: str
    sop_uid: str
    digest: str
    revision: int


@dataclass(frozen=True, slots=True)
class PixelFrame:
    """Where one frame stands in the blob: byte ranges from the start of the file, in order.

    Native frames have one range, encapsulated ones a range per fragment (without item tags). PS3.5 A.4.
    """

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class CrosswalkRow:
    """One old and new identifier; only the vault ever stores it. `kind` is study, series, sop, uid,
    patient, accession (whose new one is the study's UID) or doubt."""

    kind: str
    old: str
    new: str
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Publication:
    """A de-identified, checked object that is ready to be committed.

    Only `crosswalk` and `original` identify; the archive hands them to the vault and to nobody else. `attributes` are
    the index columns by DICOM keyword, text as in the object. The two HMACs are keyed digests of original UIDs;
    `received_md5` and `received_bytes` tell a re-send from a change.
    """

    intake_id: str
    envelope_id: str
    collection_id: int
    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    attributes: Mapping[str, str]
    metadata_json: bytes
    frames: tuple[PixelFrame, ...]
    blob_path: Path
    blob_digest: str
    size_bytes: int
    received_md5: str
    received_bytes: int
    original_hmac: str
    study_hmac: str
    profile_version: str
    key_id: int
    released: bool
    flags: tuple[str, ...] = ()
    notes: str = ""  # JSON: what was done that a curator may want to know; no values
    crosswalk: tuple[CrosswalkRow, ...] = ()
    original: Path | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How an accepted object ended, as its receipt says it. Nothing in it identifies."""

    intake_id: str
    envelope_id: str
    collection_id: int
    state: State
    reason: str
    findings: tuple[Finding, ...] = ()
    sop_class_uid: str = ""
    original_hmac: str = ""
    study_hmac: str = ""
    received_md5: str = ""
    received_bytes: int = 0
    new_sop_uid: str = ""
    new_study_uid: str = ""
    new_series_uid: str = ""
    waiting_for: str = ""
    notes: str = ""


@dataclass(frozen=True, slots=True)
class StatusCounts:
    """All accepted objects by what became of them; the sum is everything that was ever accepted."""

    waiting: int = 0
    held: int = 0
    published: int = 0
    duplicate: int = 0
    quarantined: int = 0
    dropped: int = 0
