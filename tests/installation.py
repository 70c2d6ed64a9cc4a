"""A whole installation in a temporary folder, worked by a real worker in the test's own process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from pacs.app import App, open_app
from pacs.config import load_settings
from pacs.curation.status import status_json
from pacs.model import Accepted
from pacs.pipeline import Worker
from tests.builders import ct_bytes, make_envelope, put

NO_ENVIRONMENT: dict[str, str] = {}


@contextmanager
def installed(folder: Path, **options: object) -> Iterator[App]:
    """An installation with a fresh data directory below `folder`; `options` are settings as ``section_key``."""
    named = {name.replace("_", ".", 1): value for name, value in options.items()}
    app = open_app(load_settings(folder / "data", environment=NO_ENVIRONMENT, options=named))
    try:
        yield app
    finally:
        app.archive.parts.crosswalk.close()
        app.archive.parts.lookups.close()
        app.archive.parts.database.close()


def send(app: App, content: bytes, *collection_ids: int) -> Accepted:
    """Receive one file as a door does."""
    return app.archive.receive(put(app.archive.incoming, content), make_envelope(*(collection_ids or (inbox_id(app),))))


def send_ct(app: App, **values: object) -> Accepted:
    """Receive one little CT slice."""
    return send(app, ct_bytes(**values))


def inbox_id(app: App) -> int:
    """The collection that a fresh data directory has."""
    return app.registry.snapshot().collection_named("inbox").id


def work(app: App) -> dict[str, int]:
    """Let a worker deal with everything that waits; returns the counts."""
    worker = Worker(app.archive, app.settings.pipeline, Event())
    try:
        while worker.work_once():
            pass
    finally:
        worker.claims.close()
    return status_json(app.archive)
