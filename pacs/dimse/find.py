"""C-FIND: a query in, a response for every row out. PS3.4 C.4.1."""

import logging
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING

from pacs.dicom.elements import Buffer
from pacs.dimse.identifier import (
    Identifier,
    check_upper_keys,
    is_supported,
    level_of,
    levels_of,
    query_of,
    read_identifier,
)
from pacs.dimse.messages import (
    AFFECTED_SOP_CLASS,
    DATA_SET_TYPE,
    MESSAGE_ID,
    Message,
    encode_command,
    pdus,
    response_to,
)
from pacs.dimse.rows import RowEncoder
from pacs.dimse.status import (
    CANCEL,
    NOT_AUTHORISED,
    OUT_OF_RESOURCES,
    PENDING,
    PENDING_WITHOUT_OPTIONAL_KEYS,
    SUCCESS,
    Status,
    status_of,
)
from pacs.dimse.upper_layer import PeerGoneError
from pacs.errors import PacsError, SearchTooLong
from pacs.model import Level
from pacs.query import Row

if TYPE_CHECKING:
    from pacs.dimse.session import Session

log = logging.getLogger("pacs.find")
WITH_DATA_SET = 0x0001
FIRST_FLUSH_BYTES = 1 << 8  # the first rows go at once, so that who wants no more can say so
FLUSH_BYTES = 1 << 14  # responses are gathered so that a long list does not cost a system call a row
FLUSH_S = 0.05
LOOK_AT_ROW, LOOK_S = 100, 0.02  # a moment for a cancel: 100 rows leave us sooner than a client has read one
SEARCH_S = 20.0  # for matching what is no column, object by object; ClearCanvas waits 30 s for a row


def on_c_find(session: "Session", message: Message) -> None:
    """Answer a C-FIND request. Raises only `PeerGoneError`."""
    started, before = time.monotonic(), session.caller.counts.rows
    try:
        status = _find(session, message)
    except PeerGoneError:
        raise
    except PacsError as error:
        status = status_of(error)
    except Exception as error:
        log.exception("C-FIND failed", extra={"association": session.caller.association})
        status = status_of(error)
    session.respond(message, status)
    log.info(
        "find",
        extra={
            "association": session.caller.association,
            "peer": session.caller.aet,
            "service": "find",
            "status": f"{status.code:04X}",
            "rows": session.caller.counts.rows - before,
            "duration_ms": round((time.monotonic() - started) * 1000, 1),
        },
    )


def _find(session: "Session", message: Message) -> Status:
    if not session.caller.may("find"):
        return Status(NOT_AUTHORISED, "this AE title may not query")
    sop_class = message.command.text(AFFECTED_SOP_CLASS)
    context = session._accepted_cx[message.context_id]
    character_set = session.caller.rules.character_set
    identifier = read_identifier(message.data, str(context.transfer_syntax[0]), character_set)
    levels = levels_of(sop_class)
    level = level_of(identifier, levels)
    if not session.matching(sop_class).relational:
        check_upper_keys(identifier, level, levels)
    return _send_rows(session, message, identifier, level)


def _send_rows(session: "Session", message: Message, identifier: Identifier, level: Level) -> Status:
    limit = session.options.find_limit
    sop_class = message.command.text(AFFECTED_SOP_CLASS)
    matching = session.matching(sop_class)
    query = query_of(identifier, level, limit + 1 if limit else None, matching)
    found = session.archive.find(query, session.caller.principal)
    found.end_after(SEARCH_S)
    encoder = RowEncoder(identifier, level, levels_of(sop_class), session.options.aet)
    is_whole = is_supported(identifier, level, matching)
    sender = _RowSender(session, message, PENDING if is_whole else PENDING_WITHOUT_OPTIONAL_KEYS)
    status = Status(SUCCESS)
    with closing(_rows(iter(found))) as rows:
        try:
            for number, row in enumerate(rows):
                if limit and number >= limit:
                    status = Status(OUT_OF_RESOURCES, f"more than {limit} matches; narrow the query")
                    break
                if number == LOOK_AT_ROW:
                    sender.flush()
                wait_s = LOOK_S if number == LOOK_AT_ROW else 0.0
                if session.is_cancelled(message.command.number(MESSAGE_ID), wait_s):
                    status = Status(CANCEL)
                    break
                sender.send(encoder.encode(row))
        except SearchTooLong:
            status = Status(OUT_OF_RESOURCES, "the search takes too long; more keys would narrow it")
    sender.flush()
    return status


def _rows(found: Iterator[Row]) -> Generator[Row]:
    yield from found


class _RowSender:
    """Pending responses; the command set is the same for all of them and encoded once."""

    def __init__(self, session: "Session", message: Message, status: int) -> None:
        self.session = session
        self.context_id = message.context_id
        self.limit = session.send_limit_bytes
        values = response_to(message.command, status, {DATA_SET_TYPE: WITH_DATA_SET})
        self.command: list[Buffer] = list(pdus(self.context_id, encode_command(values), self.limit, is_command=True))
        self.waiting: list[Buffer] = []
        self.size = 0
        self.enough = FIRST_FLUSH_BYTES
        self.flushed_at = time.monotonic()

    def send(self, identifier: bytes) -> None:
        """Queue one response."""
        self.session.caller.counts.rows += 1
        self.waiting += chain(self.command, pdus(self.context_id, identifier, self.limit, is_command=False))
        self.size += len(identifier)
        if self.size > self.enough or time.monotonic() - self.flushed_at > FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Send what is queued."""
        if self.waiting:
            self.session.send_pieces([b"".join(self.waiting)])
            self.enough = min(2 * self.enough, FLUSH_BYTES)
        self.waiting, self.size, self.flushed_at = [], 0, time.monotonic()
