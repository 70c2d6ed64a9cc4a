"""Where the parts meet. Six verbs: receive, commit, retry, find, open, remove (`restore` and `purge` end a removal).

It holds no SQL and no DICOM parsing. `metadata` and `frames` read on from what `open` returned; they are no verbs of
their own, since they show nothing that `open` did not allow.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from peewee import Database

from pacs.audit import Receipts, Trail
from pacs.auth import is_curator_of, scope_of
from pacs.blobs import LocalBlobs, Written
from pacs.deid import CollectionKeys, load_profile
from pacs.errors import NotAllowed, NotFound, ProfileError
from pacs.index import Found, Index, Trash, TrashEntry
from pacs.jobs import Jobs
from pacs.model import (
    Accepted,
    CollectionInfo,
    DescribedInstance,
    Ending,
    Envelope,
    InstanceKey,
    PixelFrame,
    Principal,
    Publication,
    Scope,
    State,
    StoredInstance,
)
from pacs.query import Query
from pacs.registry import Counters, MappingTables, Registry
from pacs.spool import Expected, Spool
from pacs.vault import Crosswalk, KeyFile, Lookups, NameLists, Originals, Requests

_ABSENT = "there is no such study, series or instance"


@dataclass(frozen=True, slots=True)
class Parts:
    """What an archive is made of; `app.open_app` picks the backends."""

    database: Database
    registry: Registry
    spool: Spool
    blobs: LocalBlobs
    index: Index
    trash: Trash
    receipts: Receipts
    trail: Trail
    keys: KeyFile
    crosswalk: Crosswalk
    originals: Originals
    mapping: MappingTables
    counters: Counters
    lookups: Lookups
    names: NameLists
    jobs: Jobs
    requests: Requests
    profiles: Path  # the site's own profiles
    node: str


class Archive:
    """One archive. Safe to use from many threads and processes."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.registry = parts.registry
        self._envelopes: dict[str, Envelope] = {}
        self._lock = threading.Lock()

    @property
    def incoming(self) -> Path:
        """Folder inside the wall for the doors' temporary files; names start with the process number and a dot."""
        return self.parts.spool.incoming

    # -- receive -------------------------------------------------------------------------------------------------------

    def receive(
        self, temporary: Path, envelope: Envelope, expected: Expected | None = None, *, any_file: bool = False
    ) -> Accepted:
        """Take an object in. When this returns, it is safe on disk and a worker will deal with it (promise 1).

        `temporary` is a file in `incoming`; it is gone when this returns or raises. Raises a `Refused` error; with
        `any_file` what is no good object is taken too, and a worker puts it into the quarantine.
        """
        return self.parts.spool.accept(temporary, envelope, expected, any_file=any_file)

    # -- commit --------------------------------------------------------------------------------------------------------

    def commit(self, batch: Sequence[Publication | Ending]) -> dict[str, State]:
        """Bring a batch of judged objects into the archive: vault, blobs, then index and receipts in one transaction.

        Returns the state of each intake id. An object that has a receipt already keeps it, so that running a batch
        twice changes nothing. Raises OSError or a database error when nothing was committed.
        """
        publications = [each for each in batch if isinstance(each, Publication)]
        self._fill_vault(publications)
        self._keep_blobs(publications)
        policies = {each.id: each.duplicates for each in self.registry.snapshot().collections.values()}
        with self.parts.database.atomic():
            states = self.parts.receipts.states([each.intake_id for each in batch])
            fresh = [each for each in batch if each.intake_id not in states]
            to_index = [each for each in fresh if isinstance(each, Publication)]
            results = self.parts.index.write(to_index, policies)
            endings = {each.intake_id: each for each in fresh if isinstance(each, Ending)}
            for publication, result in zip(to_index, results, strict=True):
                endings[publication.intake_id] = _ending_of(publication, result.state, result.reason)
            self.parts.receipts.write(self._receipt(each) for each in endings.values())
        self._forget_needless_originals(publications, endings)
        return states | {intake_id: each.state for intake_id, each in endings.items()}

    def _fill_vault(self, publications: Sequence[Publication]) -> None:
        """Crosswalk, and originals where the policy keeps them. Before the index, so that nothing is untraceable."""
        for collection_id in {each.collection_id for each in publications}:
            collection = self.registry.snapshot().collections[collection_id]
            key = self.sealing_key_of(collection)
            mine = [each for each in publications if each.collection_id == collection_id]
            self.parts.crosswalk.add(collection_id, key, (row for each in mine for row in each.crosswalk))
            for each in mine:
                keep = collection.originals != "discard"
                if collection.originals == "until-release" and each.released:
                    keep = False
                if keep and each.original is not None:
                    self.parts.originals.keep(collection_id, each.intake_id, each.original, key)

    def _forget_needless_originals(self, publications: Sequence[Publication], endings: Mapping[str, Ending]) -> None:
        """Only what is published needs its sealed original: a duplicate has one already, others keep theirs aside."""
        for each in publications:
            ending = endings.get(each.intake_id)
            if ending is not None and ending.state is not State.PUBLISHED:
                self.parts.originals.forget(each.collection_id, each.intake_id)

    def _keep_blobs(self, publications: Sequence[Publication]) -> None:
        for collection_id in {each.collection_id for each in publications}:
            self.parts.blobs.keep(
                collection_id,
                [
                    Written(each.blob_path, each.blob_digest, each.size_bytes)
                    for each in publications
                    if each.collection_id == collection_id
                ],
            )

    def _receipt(self, ending: Ending) -> dict[str, Any]:
        envelope = self.envelope(ending.envelope_id)
        return {
            "intake_id": ending.intake_id,
            "node": self.parts.node,
            "envelope_id": ending.envelope_id,
            "door": envelope.door.value if envelope else "",
            "sender": envelope.sender if envelope else "",
            "submitter": envelope.submitter if envelope else "",
            "site": envelope.told_site if envelope else "",
            "collection_id": ending.collection_id,
            "original_hmac": ending.original_hmac,
            "study_hmac": ending.study_hmac,
            "sop_class_uid": ending.sop_class_uid,
            "size_bytes": ending.received_bytes,
            "md5": ending.received_md5,
            "new_study_uid": ending.new_study_uid,
            "new_series_uid": ending.new_series_uid,
            "new_sop_uid": ending.new_sop_uid,
            "state": ending.state.value,
            "reason": ending.reason,
            "waiting_for": ending.waiting_for,
            "notes": ending.notes,
            "findings": orjson.dumps(ending.findings).decode() if ending.findings else "",
            "received_at": envelope.opened_at if envelope else datetime.now(UTC),
            "ended_at": datetime.now(UTC),
        }

    def envelope(self, envelope_id: str) -> Envelope | None:
        """The door facts of an envelope; None when its file is gone."""
        with self._lock:
            known = self._envelopes.get(envelope_id)
            if known is None:
                with suppress(KeyError):
                    known = self._envelopes[envelope_id] = self.parts.spool.envelope(envelope_id)
            while len(self._envelopes) > 256:
                self._envelopes.pop(next(iter(self._envelopes)))
            return known

    # -- retry ---------------------------------------------------------------------------------------------------------

    def retry(self, intake_id: str, actor: str) -> None:
        """Put a held or quarantined object back in line, as after its profile or mapping has changed.

        The sixth verb: curators do it, and the pipeline does when what an object waits for has come. Raises `NotFound`
        when its original is not in the quarantine (any more).
        """
        try:
            entry = self.parts.spool.quarantined(intake_id)
        except KeyError:
            raise NotFound("the original is not in the quarantine any more") from None
        with self.parts.spool.way_back.taken():
            # The receipt goes first: an original in the quarantine without one goes back in line at the next start.
            with self.parts.database.atomic():
                self.parts.receipts.forget(intake_id)
                self.parts.trail.add(actor, "retry", intake_id)
            self.parts.spool.put_back(entry)

    def resume_mapped(self, collection_id: int) -> int:
        """Put back what waited for a row of the collection's mapping or lookup table that is there now; how many."""
        count = 0
        receipts = self.parts.receipts
        for row in receipts.waiting(collection_id):
            for intake_id in receipts.waiting_for(collection_id, row) if self._has_row(collection_id, row) else ():
                with suppress(NotFound):  # another process was quicker, or it is on its way into the quarantine
                    self.retry(intake_id, "mapping table")
                    count += 1
        return count

    def _has_row(self, collection_id: int, waiting_for: str) -> bool:
        """Whether what a receipt waits for is there: a patient's row, or, after a type of keys, a lookup table's."""
        key_type, slash, digest = waiting_for.rpartition("/")
        del key_type
        if slash:
            return self.parts.lookups.has(collection_id, digest)
        return self.parts.mapping.has_row(collection_id, digest)

    # -- find ----------------------------------------------------------------------------------------------------------

    def find(self, query: Query, principal: Principal) -> Found:
        """What a query finds among what the principal may see: rows, and how many there are in all."""
        scope = self._scope(principal, query.collection)
        return self.parts.index.search(query, scope, self._shared_order(scope))

    def _shared_order(self, scope: Scope) -> tuple[int, ...]:
        """Visible collections that share keys, in their order: a study that several of them have is found once."""
        snapshot = self.registry.snapshot()
        visible = [snapshot.collections[each] for each in snapshot.order if each in scope.everything | scope.released]
        labels = Counter((each.key_id, each.key_label) for each in visible)
        return tuple(each.id for each in visible if labels[each.key_id, each.key_label] > 1)

    def _scope(self, principal: Principal, collection: str | None) -> Scope:
        """What a principal sees, narrowed to one collection when it was named. Unknown and invisible look alike."""
        snapshot = self.registry.snapshot()
        scope = scope_of(principal, snapshot.collections)
        if collection is None:
            return scope
        named = frozenset(each.id for each in snapshot.collections.values() if each.name == collection)
        return Scope(scope.everything & named, scope.released & named)

    # -- open ----------------------------------------------------------------------------------------------------------

    def open(self, key: InstanceKey, principal: Principal) -> list[StoredInstance]:
        """The instances of a study, series or instance, in series and instance order.

        A study that several visible collections have answers from the first by their order. Raises `NotFound`.
        """
        snapshot = self.registry.snapshot()

        def place(collection_id: int, digest: str) -> tuple[str, str]:
            return snapshot.collections[collection_id].name, self.parts.blobs.file(collection_id, digest)

        found = self.parts.index.open(key, self._scope(principal, key.collection), snapshot.order, place)
        if not found:
            raise NotFound(_ABSENT)
        return found

    def describe(self, key: InstanceKey, principal: Principal) -> list[DescribedInstance]:
        """The same instances as `open` finds, no more of each than its metadata needs. Raises `NotFound`."""
        order = self.registry.snapshot().order
        found = self.parts.index.describe(key, self._scope(principal, key.collection), order)
        if not found:
            raise NotFound(_ABSENT)
        return found

    def keys_of(self, collection: CollectionInfo) -> CollectionKeys:
        """The keyed mappings of a collection: for de-identifying, and for mapping an original identifier forward."""
        keys = CollectionKeys.derive(self.parts.keys.master(collection.key_id), collection.key_label)
        with suppress(ProfileError):  # whoever needs the whole profile will say so
            keys = keys.under(load_profile(collection.profile, self.parts.profiles))
        return keys

    def sealing_key_of(self, collection: CollectionInfo) -> bytes:
        """The key that seals what the vault keeps of a collection."""
        return self.parts.keys.sealing_key(collection.key_id, collection.key_label)

    def names_of(self, collection: CollectionInfo) -> tuple[str, ...]:
        """The names that a collection uploaded for cleaning text. Identified: for the pipeline alone."""
        return self.parts.names.load(collection.id, collection.names_version, self.sealing_key_of(collection))

    def metadata(self, instances: Sequence[StoredInstance]) -> Iterator[bytes]:
        """The DICOM JSON of each instance, in their order."""
        return self.parts.index.metadata([each.id for each in instances])

    def metadata_pieces(self, instances: Sequence[DescribedInstance]) -> Iterator[Sequence[bytes]]:
        """The same, cut wherever `pacs.dicom.json` left a place for the address of the instance."""
        return self.parts.index.metadata_pieces([each.id for each in instances])

    def frames(self, instance: StoredInstance) -> tuple[PixelFrame, ...]:
        """Where each frame stands in the instance's blob; empty for an object without pixel data."""
        return self.parts.index.frames(instance.id)

    # -- remove --------------------------------------------------------------------------------------------------------

    def remove(self, key: InstanceKey, principal: Principal, reason: str) -> TrashEntry:
        """Take a study, series or instance out of sight, into the trash; tombstones keep a re-send from coming back.

        Raises `NotFound` or `NotAllowed`.
        """
        instances = self.open(key, principal)
        collection_id = instances[0].collection_id
        if not is_curator_of(principal, collection_id):
            raise NotAllowed("only a curator of the collection removes from it")
        with self.parts.database.atomic():
            entry = self.parts.trash.put(key, collection_id, principal.name, reason)
            self.parts.trail.add(principal.name, "remove", key.sop_uid or key.series_uid or key.study_uid, reason)
        return entry

    def restore(self, entry: TrashEntry, actor: str) -> int:
        """Undo a removal; returns how many instances came back. Raises `NotFound` when it is too late, `Conflict`."""
        with self.parts.database.atomic():
            count = self.parts.trash.restore(entry)
            target = entry.sop_uid or entry.series_uid or entry.study_uid
            self.parts.trail.add(actor, "restore", target, f"{count} instances")
        return count

    def purge(self, entry: TrashEntry, actor: str) -> int:
        """Delete for good what was removed, its sealed originals too; returns how many blobs went.

        Tombstones and receipts stay. Interrupted, it is done to its end by the next `purge` of `Trash.past`.
        """
        trash = self.parts.trash
        with self.parts.database.atomic():
            if not trash.doom(entry):
                return 0
        files = trash.files(entry)
        gone = {digest for digest, _ in files} - trash.needed([digest for digest, _ in files])
        for digest in gone:
            self.parts.blobs.remove(entry.collection_id, digest)
        for _, intake_id in files:
            self.parts.originals.forget(entry.collection_id, intake_id)
        with self.parts.database.atomic():
            trash.forget(entry)
            target = entry.sop_uid or entry.series_uid or entry.study_uid
            self.parts.trail.add(actor, "purge", target, f"{len(files)} instances")
        return len(gone)


def _ending_of(publication: Publication, state: State, reason: str) -> Ending:
    """How a publication ended, as its receipt says."""
    return Ending(
        intake_id=publication.intake_id,
        envelope_id=publication.envelope_id,
        collection_id=publication.collection_id,
        state=state,
        reason=reason,
        sop_class_uid=publication.sop_class_uid,
        original_hmac=publication.original_hmac,
        study_hmac=publication.study_hmac,
        received_md5=publication.received_md5,
        received_bytes=publication.received_bytes,
        new_sop_uid=publication.sop_uid,
        new_study_uid=publication.study_uid,
        new_series_uid=publication.series_uid,
        notes=publication.notes,
    )
