"""The only place that picks backends: a data directory and settings become an `App`."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from pacs.archive import Archive, Parts
from pacs.audit import Receipts, Trail
from pacs.auth import Users
from pacs.blobs import LocalBlobs
from pacs.config import Settings
from pacs.db import connect
from pacs.deid import load_profile
from pacs.deid.profiles import rules_json
from pacs.errors import BadRequest, ConfigError
from pacs.folders import Folders
from pacs.index import Index, Trash
from pacs.jobs import Claimed, Handler, Jobs
from pacs.jobs.sending import SEND
from pacs.model import CollectionInfo, Release
from pacs.registry import Counters, MappingTables, Registry
from pacs.registry.registry import NewCollection
from pacs.registry.snapshot import INBOX
from pacs.spool import Limits, Spool
from pacs.vault import Crosswalk, KeyFile, Lookups, NameLists, Originals, Remotes, Requests

DEFAULT_PROFILE = "tcia"


@dataclass(frozen=True, slots=True)
class App:
    """One installation as a process sees it."""

    settings: Settings
    folders: Folders
    archive: Archive
    users: Users

    @property
    def registry(self) -> Registry:
        """Collections, sites and peers."""
        return self.archive.registry

    @property
    def remotes(self) -> Remotes:
        """HTTP services of others, and queues for them."""
        return Remotes(self.folders.vault / "remotes", self.archive.parts.keys)

    def check_called_aet(self, aet: str) -> None:
        """Raise `BadRequest` for a collection that claims our own title: it would take all that is sent to us."""
        if aet.strip() == self.settings.dimse.aet:
            raise BadRequest("a collection's AE title must differ from the archive's own (dimse.aet)")

    def create_collection(self, new: NewCollection) -> CollectionInfo:
        """Make a collection whose profile is checked and versioned. Raises `ProfileError`, `BadRequest`, `Conflict`."""
        self.check_called_aet(new.called_aet)
        profile = load_profile(new.profile, self.folders.profiles)
        pinned = replace(new, profile_version=profile.version, key_id=self.archive.parts.keys.newest)
        made = self.registry.create_collection(pinned)
        self.archive.parts.trail.add("operator", "create collection", made.name, f"profile {profile.name}")
        self.follow_profiles()
        return made

    def follow_profiles(self) -> None:
        """Load the profile of every collection, and record versions that are new. Raises `ProfileError`.

        A collection follows its profile; what changed since it was last looked at is written into the audit trail.
        """
        for collection in self.registry.snapshot().collections.values():
            profile = load_profile(collection.profile, self.folders.profiles)
            self.registry.record_profile(profile.name, profile.title, profile.version, rules_json(profile))
            if collection.profile_version != profile.version:
                self.registry.set_collection(collection.name, {"profile_version": profile.version})
                change = f"{collection.profile_version} to {profile.version}"
                self.archive.parts.trail.add("system", "profile version", collection.name, change)


def open_app(settings: Settings) -> App:
    """Open a data directory, made and migrated when it is new.

    A fresh one gets a key (0600), the collection ``inbox`` and the first administrator's token. Connections are opened
    by each process and thread as they need them, so a process may fork after this. Raises `ConfigError`.
    """
    folders = Folders(settings.data.resolve())
    make_data_folder(folders.data)
    limits = Limits(settings.spool.low_water_bytes, settings.spool.max_object_bytes, settings.spool.max_inflated_bytes)
    database = connect(_url(settings, folders))
    index = Index(database)
    parts = Parts(
        database=database,
        registry=Registry(database),
        spool=Spool(folders.spool, folders.quarantine, limits),
        blobs=LocalBlobs(folders.blobs),
        index=index,
        trash=Trash(database, index, settings.storage.trash_days),
        receipts=Receipts(),
        trail=Trail(database),
        keys=KeyFile.open_or_create(folders.key),
        crosswalk=Crosswalk(folders.vault / "crosswalk.sqlite"),
        originals=Originals(folders.vault / "originals"),
        mapping=MappingTables(database),
        counters=Counters(database),
        lookups=Lookups(folders.vault / "lookup.sqlite"),
        names=NameLists(folders.vault / "names"),
        jobs=Jobs(database),
        requests=Requests(folders.vault / "requests"),
        profiles=folders.profiles,
        node=settings.storage.node,
    )
    app = App(settings, folders, Archive(parts), Users(database))
    _fill_new(app)
    app.follow_profiles()
    return app


def _url(settings: Settings, folders: Folders) -> str:
    return settings.storage.database or f"sqlite:///{folders.data / 'pacs.sqlite'}"


def make_data_folder(data: Path) -> None:
    """Make a data directory with its wall, 0700. Raises `ConfigError` naming the path."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        for wall in (Folders(data).spool, Folders(data).quarantine, Folders(data).vault):
            wall.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"the data directory {data} cannot be made: {os.strerror(error.errno or 0)}") from None


def _fill_new(app: App) -> None:
    """What a fresh data directory has. Bound beyond loopback, `inbox` is released by review."""
    registry, keys = app.registry, app.archive.parts.keys
    if not registry.snapshot().collections:
        release = Release.AUTOMATIC if app.settings.bound_to_loopback else Release.REVIEW
        version = load_profile(DEFAULT_PROFILE, app.folders.profiles).version
        registry.ensure_inbox(NewCollection(INBOX, DEFAULT_PROFILE, version, keys.newest, "Inbox", release))
    if not app.folders.admin_token.exists():
        app.users.ensure_admin(app.folders.admin_token)


def job_handlers(app: App) -> dict[str, Handler]:
    """Who does the jobs of each name. They are imported here alone, so that nothing below imports upwards."""
    from pacs.ctp.http_export import ExportService  # noqa: PLC0415
    from pacs.ctp.queues import Queues  # noqa: PLC0415
    from pacs.curation.alarms import WATCH, Watch  # noqa: PLC0415
    from pacs.dimse.commitment import COMMIT  # noqa: PLC0415
    from pacs.dimse.committing import CommitService  # noqa: PLC0415
    from pacs.dimse.options import options_from  # noqa: PLC0415 - only the process of jobs needs it
    from pacs.dimse.sending import SendService  # noqa: PLC0415
    from pacs.jobs.notices import NOTICE, Notices  # noqa: PLC0415

    options = options_from(app.settings)
    sending = SendService(app.archive, options, app.archive.parts.jobs, app.folders.sent)
    exporting = ExportService(
        app.archive, app.archive.parts.jobs, app.remotes, Queues(app.folders.queues), app.folders.sent
    )

    def send(job: Claimed, halt: Event) -> str:
        return (exporting if exporting.knows(job) else sending)(job, halt)

    found: dict[str, Handler] = {SEND: send, COMMIT: CommitService(app.archive, options)}
    return found | {WATCH: Watch(app.archive, app.settings.alarms), NOTICE: Notices(app.settings.alarms)}
