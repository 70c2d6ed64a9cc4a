"""Fetching objects from services that serve a queue, as CTP's polling import service does: every 10 s, until empty."""

import logging
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.client import HTTPException, HTTPResponse
from secrets import token_hex

from pacs.archive import Archive
from pacs.ctp.bodies import Bodies, Body
from pacs.ctp.exchange import AwayError, Exchange
from pacs.db import close_thread
from pacs.errors import OutOfResources, PacsError, Refused
from pacs.model import CollectionInfo, Door, Envelope
from pacs.spool.unpacking import TooLarge, objects
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
    """Take objects until the service has none; the last status. Raises `AwayError`, `OutOfResources`, `NotFound`.

    What came whole is kept until it is in the spool, whatever happens meanwhile: the service has forgotten it.
    """
    collection = archive.registry.snapshot().collection_named(remote.collection)
    bodies = Bodies(archive.parts.spool.folder / "polled", remote.name)
    for body in bodies.left():
        _take(archive, remote, collection, body, limit_bytes)
    with Exchange(remote) as exchange:
        while not is_stopped():
            archive.parts.spool.check_room()  # before it is asked for: what was sent is gone there
            response = exchange.get()
            if response.status != 200:
                return response.status
            with bodies.new(response.length) as body:
                _receive(response, body, limit_bytes)
                _take(archive, remote, collection, body, limit_bytes)
    return 200


def _receive(response: HTTPResponse, body: Body, limit_bytes: int) -> None:
    """Stream a body into a file. A broken one, or one too large, is not read to its end: the other side keeps it."""
    wanted, total = response.length, 0
    try:
        while piece := response.read(_CHUNK_BYTES):
            total += len(piece)
            if total > limit_bytes:
                raise TooLarge("the object is larger than this server takes")
            body.write(piece)
    except HTTPException as error:
        raise AwayError(f"the service breaks off ({type(error).__name__})") from None
    except OSError as error:
        raise OutOfResources("the object was not received") from error
    if wanted is not None and total < wanted:
        raise AwayError("the service breaks off")
    body.is_whole()


def _take(archive: Archive, remote: Remote, collection: CollectionInfo, body: Body, limit_bytes: int) -> None:
    """Into the spool, as what HTTP import takes; then the body goes. Raises `OutOfResources`: it stays."""
    envelope = _envelope(archive, remote, collection)
    spool = archive.parts.spool
    copy = spool.temporary()
    try:
        os.link(body.path, copy)  # the spool takes a file, and removes it even when the disk is full
        with objects(copy, spool.temporary, limit_bytes) as found:
            for each in found:
                accepted = archive.receive(each, envelope, any_file=True)
                facts = {"door": "ctp", "envelope": envelope.id, "intake": accepted.intake_ids}
                log.info("object accepted", extra=facts)
    except OutOfResources:
        raise
    except Refused as error:
        body.set_aside()
        log.warning("object refused", extra={"door": "ctp", "destination": remote.name, "reason": type(error).__name__})
    else:
        body.remove()
    finally:
        copy.unlink(missing_ok=True)


def _envelope(archive: Archive, remote: Remote, collection: CollectionInfo) -> Envelope:
    return Envelope(
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
