"""Reading and changing what is configured. Every change raises the revision, which every process watches."""

import re
import threading
from collections.abc import Collection as Collection_
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from peewee import Database, IntegrityError

from pacs.config import AE_TITLE
from pacs.db.connection import execute
from pacs.db.tables.registry import Collection, Forward, Peer, Profile, ProfileVersion, RegistryState, Site
from pacs.errors import BadRequest, Conflict, NotFound
from pacs.model import DIMSE_SERVICES, Access, CollectionInfo, Duplicates, PeerInfo, PeerRules, Release
from pacs.registry.peer_rules import changed, rules_from, rules_json
from pacs.registry.snapshot import INBOX, Snapshot

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HOST = re.compile(r"[^\s/\\]{1,253}")
# "" leaves the choice to the profile.
_POLICIES = {
    "pixels": ("", "quarantine", "clean", "detect"),
    "faces": ("", "flag", "hold", "ignore"),
    "documents": ("", "quarantine", "blank"),
    "commitment": ("off", "published", "kept"),
    "tell_senders": ("yes", "no"),
    "filter_action": ("quarantine", "drop"),
}
_ORIGINALS = re.compile(r"discard|until-release|forever|days:[1-9][0-9]{0,4}")


@dataclass(frozen=True, slots=True)
class NewCollection:
    """What a collection starts with. `profile` and `profile_version` must be known to the caller."""

    name: str
    profile: str
    profile_version: str
    key_id: int
    title: str = ""
    release: Release = Release.AUTOMATIC
    access: Access = Access.RESTRICTED
    called_aet: str = ""
    site: str = ""
    duplicates: Duplicates = Duplicates.KEEP_FIRST
    originals: str = "until-release"
    key_label: str = ""


class Registry:
    """Collections, sites and peers of one installation."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._snapshot = Snapshot()
        self._lock = threading.Lock()

    def snapshot(self) -> Snapshot:
        """The registry as of now: one small query unless something has changed since the last call."""
        revision = self._revision()
        with self._lock:
            if self._snapshot.revision != revision:
                self._snapshot = self._read(revision)
            return self._snapshot

    def _revision(self) -> int:
        # Plain SQL: every request asks, and building this query costs ten times what running it does.
        row = execute(self._database, "SELECT revision FROM registry_state").fetchone()
        return int(row[0]) if row is not None else 0

    def _read(self, revision: int) -> Snapshot:
        collections = {row.id: _collection_info(row) for row in Collection.select()}
        peers = {row.aet: _peer_info(row) for row in Peer.select()}
        forwards: dict[int, dict[str, str]] = {}
        rules: Any = Forward.select(Forward.collection, Forward.aet, Forward.send_filter).order_by(Forward.id).tuples()
        for collection_id, aet, send_filter in rules:
            forwards.setdefault(collection_id, {})[aet] = send_filter
        return Snapshot(revision, collections, peers, forwards)

    def _changed(self) -> None:
        """Raise the revision; called inside the transaction that changes something."""
        if not RegistryState.update(revision=RegistryState.revision + 1).execute():
            RegistryState.create(revision=1)

    # -- collections ---------------------------------------------------------------------------------------------------

    def create_collection(self, new: NewCollection) -> CollectionInfo:
        """Make a collection. Raises `BadRequest` for a bad name, AE title or policy, `Conflict` when it exists."""
        if not _NAME.fullmatch(new.name):
            raise BadRequest("a collection's name has 1 to 64 letters, digits, dots, dashes and underscores")
        _check_settings({"called_aet": new.called_aet, "originals": new.originals})
        with self._database.atomic():
            try:
                row = Collection.create(
                    name=new.name,
                    title=new.title or new.name,
                    profile=new.profile,
                    profile_version=new.profile_version,
                    key_id=new.key_id,
                    key_label=new.key_label or new.name,
                    release=new.release.value,
                    access=new.access.value,
                    duplicates=new.duplicates.value,
                    originals=new.originals,
                    called_aet=new.called_aet.strip(),
                    site=new.site,
                    created_at=datetime.now(UTC),
                )
            except IntegrityError:
                raise Conflict(f"there is a collection {new.name!r} already") from None
            Collection.update(order=row.id).where(Collection.id == row.id).execute()
            self._changed()
        return self.snapshot().collections[row.id]

    def set_collection(self, name: str, changes: Mapping[str, str]) -> CollectionInfo:
        """Change settings of a collection: title, release, access, duplicates, originals, called_aet, site, profile,
        pixels, faces, documents, trial, site_id, words, commitment, tell_senders, import_filter (which the caller has
        read), filter_action.

        Raises `NotFound`, or `BadRequest` for a value that means nothing.
        """
        row = Collection.get_or_none(Collection.name == name)
        if row is None:
            raise NotFound(f"there is no collection {name!r}")
        _check_settings(changes)
        with self._database.atomic():
            Collection.update(**dict(changes)).where(Collection.id == row.id).execute()
            self._changed()
        return self.snapshot().collections[row.id]

    def record_profile(self, name: str, title: str, version: str, rules: str) -> bool:
        """Keep a version of a profile, once; returns whether it is new. Nothing that is recorded is ever changed."""
        with self._database.atomic():
            profile: Any = Profile.get_or_none(name=name) or Profile.create(name=name, title=title)
            if ProfileVersion.get_or_none(profile=profile, version=version) is not None:
                return False
            try:
                with self._database.atomic():
                    ProfileVersion.create(profile=profile, version=version, rules=rules, created_at=datetime.now(UTC))
            except IntegrityError:  # another process was quicker
                return False
        return True

    def profile_versions(self) -> list[tuple[str, str, datetime]]:
        """Name, version and first use of every profile version, oldest first."""
        rows: Any = (
            ProfileVersion.select(Profile.name, ProfileVersion.version, ProfileVersion.created_at)
            .join(Profile)
            .order_by(ProfileVersion.id)
        )
        return list(rows.tuples())

    # -- peers ---------------------------------------------------------------------------------------------------------

    def add_peer(
        self,
        aet: str,
        host: str,
        port: int,
        allow: frozenset[str] = frozenset(DIMSE_SERVICES),
        collections: Collection_[str] = (),
        rules: PeerRules | None = None,
    ) -> PeerInfo:
        """Add or replace an application entity, bound to some collections or (none named) to all.

        Its site stays, and with `rules` None its rules. Raises `BadRequest` or `NotFound` (collection).
        """
        aet = aet.strip()
        if not AE_TITLE.fullmatch(aet):
            raise BadRequest("an AE title has 1 to 16 printable characters, without backslash")
        if not _HOST.fullmatch(host.strip()) or not 0 < port < 65536:
            raise BadRequest("a peer needs a host (a name or an address) and a port from 1 to 65535")
        if not allow:
            raise BadRequest(f"a peer that may do nothing needs no entry; services are {', '.join(DIMSE_SERVICES)}")
        unknown = allow - set(DIMSE_SERVICES)
        if unknown:
            raise BadRequest(f"unknown service {min(unknown)!r}; known are {', '.join(DIMSE_SERVICES)}")
        snapshot = self.snapshot()
        known = snapshot.peers.get(aet)
        if rules is None:
            rules = known.rules if known is not None else PeerRules()
        bound = ",".join(str(snapshot.collection_named(name).id) for name in collections)
        with self._database.atomic():
            Peer.delete().where(Peer.aet == aet).execute()
            Peer.create(
                aet=aet,
                host=host.strip(),
                port=port,
                allow=",".join(sorted(allow)),
                site=known.site if known is not None else "",
                collections=bound,
                rules=rules_json(rules),
            )
            self._changed()
        return self.snapshot().peers[aet]

    def set_peer_rules(self, aet: str, changes: Mapping[str, str]) -> PeerInfo:
        """Change rules of an application entity. Raises `NotFound`, `BadRequest`; see `peer_rules.changed`."""
        peer = self.snapshot().peers.get(aet.strip())
        if peer is None:
            raise NotFound("there is no such peer")
        rules = changed(peer.rules, changes)
        with self._database.atomic():
            Peer.update(rules=rules_json(rules)).where(Peer.aet == peer.aet).execute()
            self._changed()
        return self.snapshot().peers[peer.aet]

    def set_peer_site(self, aet: str, site: str) -> PeerInfo:
        """Say for which site an application entity sends; "": for its collection's. Raises `NotFound`."""
        with self._database.atomic():
            if not Peer.update(site=site).where(Peer.aet == aet.strip()).execute():
                raise NotFound("there is no such peer")
            self._changed()
        return self.snapshot().peers[aet.strip()]

    def remove_peer(self, aet: str) -> None:
        """Remove an application entity. Raises `NotFound`."""
        with self._database.atomic():
            if not Peer.delete().where(Peer.aet == aet.strip()).execute():
                raise NotFound("there is no such peer")
            self._changed()

    def add_forward(self, collection: str, aet: str, *, is_peer: bool = True, send_filter: str = "") -> None:
        """Send what is released in a collection to a peer from now on; `is_peer`: else to a service of that name.

        `send_filter`, which the caller has read: what does not pass it is not sent.

        Raises `NotFound`; `Conflict` when there is such a rule, or the peer is bound to other collections.
        """
        snapshot = self.snapshot()
        peer, wanted = snapshot.peers.get(aet.strip()), snapshot.collection_named(collection)
        if peer is None and is_peer:
            raise NotFound("there is no such peer")
        if peer is not None and peer.collection_ids is not None and wanted.id not in peer.collection_ids:
            raise Conflict("the peer is bound to other collections, and may not see this one")
        with self._database.atomic():
            try:
                Forward.create(collection=wanted.id, aet=aet.strip(), send_filter=send_filter)
            except IntegrityError:
                raise Conflict("there is such a rule already") from None
            self._changed()

    def remove_forward(self, collection: str, aet: str) -> None:
        """Forget a forwarding rule. Raises `NotFound`."""
        where = (Forward.collection == self.snapshot().collection_named(collection).id) & (Forward.aet == aet.strip())
        with self._database.atomic():
            if not Forward.delete().where(where).execute():
                raise NotFound("there is no such rule")
            self._changed()

    def add_site(self, name: str, title: str = "") -> None:
        """Make a site known; harmless when it is."""
        with self._database.atomic():
            if Site.get_or_none(Site.name == name) is None:
                Site.create(name=name, title=title)

    def ensure_inbox(self, new: NewCollection) -> None:
        """Make the collection that a fresh data directory has; harmless when any collection exists."""
        if not self.snapshot().collections:
            try:
                self.create_collection(new)
            except Conflict:  # another process started at the same time
                return


def _check_settings(values: Mapping[str, Any]) -> None:
    """Raise `BadRequest` for a collection setting that means nothing."""
    for name, kind in (("release", Release), ("access", Access), ("duplicates", Duplicates)):
        if name in values and values[name] not in {each.value for each in kind}:
            raise BadRequest(f"{name} is one of {', '.join(each.value for each in kind)}")
    for name, choices in _POLICIES.items():
        if name in values and values[name] not in choices:
            named = ", ".join(each for each in choices if each)
            raise BadRequest(f"{name} is one of {named}" + (", or empty: as the profile says" if "" in choices else ""))
    if values.get("called_aet") and not AE_TITLE.fullmatch(values["called_aet"].strip()):
        raise BadRequest("an AE title has 1 to 16 printable characters, without backslash")
    if "originals" in values and not _ORIGINALS.fullmatch(values["originals"]):
        raise BadRequest("originals is discard, until-release, days:N or forever")


def _collection_info(row: Collection) -> CollectionInfo:
    return CollectionInfo(
        id=row.id,
        name=row.name,
        title=row.title,
        profile=row.profile,
        profile_version=row.profile_version,
        key_id=row.key_id,
        key_label=row.key_label,
        release=Release(row.release),
        access=Access(row.access),
        duplicates=Duplicates(row.duplicates),
        called_aet=row.called_aet,
        site=row.site,
        originals=row.originals,
        order=row.order,
        pixels=row.pixels,
        faces=row.faces,
        documents=row.documents,
        trial=row.trial,
        site_id=row.site_id,
        mapped=row.mapped,
        names_version=row.names_version,
        words=tuple(row.words.split()),
        commitment=row.commitment,
        tell_senders=row.tell_senders == "yes",
        import_filter=row.import_filter,
        filter_action=row.filter_action,
    )


def _peer_info(row: Peer) -> PeerInfo:
    bound = frozenset(int(each) for each in row.collections.split(",")) if row.collections else None
    allow = frozenset(row.allow.split(",")) - {""}
    return PeerInfo(row.aet, row.host, row.port, allow, bound, rules_from(row.rules), row.site)


__all__ = ["INBOX", "NewCollection", "Registry"]
