"""Fetching objects from services that serve a queue, as CTP's polling import service does: every 10 s, until empty."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from secrets import token_hex

from pacs.archive import Archive
from pacs.ctp.exchange import AwayError, Exchange
from pacs.ctp.unpacking import TooLarge, objects
from pacs.db import close_thread
from pacs.errors import OutOfResources, PacsError
from pacs.model import CollectionInfo, Door, Envelope
from pacs.vault import Remote, Remotes

log = logging.getLogger("pacs.object")
POLL_S = 10.0
_CHUNK_BYTES = 1 << 20


def run_polling(
    archive: Archive, remotes: Remotes, limit_bytes: int, stop: threading.Event, poll_s: float = POLL_S
) -> None:
    """Empty every service that is to be polled, again and again, until `stop` is set."""
    try:
        while not stop.is_set():
            for remote in remotes.all():
                if remote.kind == "poll" and not remote.stopped:
                    _drain_one(archive, remotes, remote, limit_bytes, stop.is_set)
            stop.wait(poll_s)
    finally:
        close_thread(archive.parts.database)


def _drain_one(
    archive: Archive, remotes: Remotes, remote: Remote, limit_bytes: int, is_stopped: Callable[[], bool]
) -> None:
    facts = {"door": "ctp", "destination": remote.name}
    try:
        status = drain(archive, remote, limit_bytes, is_stopped)
        if status in (401, 403):
            remotes.set_stopped(remote.name, stopped=True)
            log.error("service refuses our credentials", extra=facts)
    except PacsError as error:  # the service is away, or the disk is full: the next round asks again
        log.warning("service not polled", extra=facts | {"reason": type(error).__name__})
    except Exception:  # a border: the other services go on
        log.exception("service not polled", extra=facts)


def drain(archive: Archive, remote: Remote, limit_bytes: int, is_stopped: Callable[[], bool]) -> int:
    """Take objects until the service has none; the last status. Raises `AwayError`, `OutOfResources`, `NotFound`."""
    collection = archive.registry.snapshot().collection_named(remote.collection)
    with Exchange(remote) as exchange:
        while not is_stopped():
            archive.parts.spool.check_room()  # before it is asked for: what was sent is gone there
            response = exchange.get()
            if response.status != 200:
                return response.status
            body = archive.parts.spool.temporary()
            try:
                _receive(response, body, limit_bytes)
                _take(archive, remote, collection, body, limit_bytes)
            finally:
                body.unlink(missing_ok=True)
    return 200


def _receive(response: HTTPResponse, target: Path, limit_bytes: int) -> None:
    """Stream a body into a file. A broken one, or one too large, is not read to its end: the other side keeps it."""
    wanted, total = response.length, 0
    try:
        with target.open("xb", buffering=0) as file:
            while piece := response.read(_CHUNK_BYTES):
                total += len(piece)
                if total > limit_bytes:
                    raise TooLarge("the object is larger than this server takes")
                file.write(piece)
    except HTTPException as error:
        raise AwayError(f"the service breaks off ({type(error).__name__})") from None
    except OSError as error:
        raise OutOfResources("the object was not received") from error
    if wanted is not None and total < wanted:
        raise AwayError("the service breaks off")


def _take(archive: Archive, remote: Remote, collection: CollectionInfo, body: Path, limit_bytes: int) -> None:
    """Into the spool, as what HTTP import takes."""
    envelope = Envelope(
        id=f"c-{token_hex(12)}",
        door=Door.CTP,
        node=archive.parts.node,
        peer=remote.name,
        called_aet="",
        address="",
        principal="",
        site=collection.site,
        collection_ids=(collection.id,),
        opened_at=datetime.now(UTC),
    )
    for each in objects(body, archive.parts.spool.temporary, limit_bytes):
        accepted = archive.receive(each, envelope, any_file=True)
        log.info("object accepted", extra={"door": "ctp", "envelope": envelope.id, "intake": accepted.intake_ids})
