"""Fuzzing what a peer can send: whole connections, PDUs, command sets, identifiers. Run by ``scripts/fuzz``.

The first byte chooses what the rest is. An association must end in a PDU or a close: whatever else is raised, or logged
as a failure of ours, is a finding.
"""

import logging
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pacs", "pynetdicom.pdu", "pynetdicom.pdu_items", "pynetdicom.dul"]):
    from pynetdicom.transport import AddressInformation

    from pacs.app import open_app
    from pacs.config import load_settings
    from pacs.dicom.syntaxes import EXPLICIT_LE, IMPLICIT_LE
    from pacs.dimse.identifier import level_of, levels_of, query_of, read_identifier
    from pacs.dimse.messages import encode_command, parse_command, pdus
    from pacs.dimse.negotiation import PATIENT_ROOT_FIND, STUDY_ROOT_FIND, STUDY_ROOT_MOVE
    from pacs.dimse.options import ScpOptions
    from pacs.dimse.reception import MessageReader
    from pacs.dimse.request import tidy
    from pacs.dimse.rows import RowEncoder
    from pacs.dimse.session import Door, Session
    from pacs.dimse.slots import Slots
    from pacs.dimse.tuning import silence_libraries, tune_socket
    from pacs.errors import BadQuery, NotDicom

from tests.builders import CT, uid
from tests.wire.peers import VERIFICATION, associate_rq

FOLDER = Path(tempfile.mkdtemp(prefix="pacs-fuzz-"))
NO_ENVIRONMENT: dict[str, str] = {}
APP = open_app(load_settings(FOLDER / "data", environment=NO_ENVIRONMENT))
APP.registry.add_peer("DEST", "127.0.0.1", 1, frozenset(("store",)), ())
OPTIONS = ScpOptions(slots=FOLDER / "slots", acse_timeout_s=2.0, transfer_timeout_s=2.0, client_tls=None)
DOOR = Door(Slots(OPTIONS.slots, 8), lambda _name, _passcode: None)
LISTENER = socket.create_server(("127.0.0.1", 0))
ASSOCIATE = associate_rq(
    [(VERIFICATION, [IMPLICIT_LE]), (CT, [EXPLICIT_LE])]
    + [(each, [IMPLICIT_LE]) for each in (STUDY_ROOT_FIND, STUDY_ROOT_MOVE)]
)
FIND = encode_command({2: STUDY_ROOT_FIND, 0x0100: 0x20, 0x0110: 1, 0x0700: 0, 0x0800: 1})
MOVE = encode_command({2: STUDY_ROOT_MOVE, 0x0100: 0x21, 0x0110: 1, 0x0600: "DEST", 0x0700: 0, 0x0800: 1})
STORE = encode_command({2: CT, 0x0100: 1, 0x0110: 1, 0x0700: 0, 0x0800: 1, 0x1000: uid("i1")})


class Finding(logging.Handler):
    """Makes a logged failure of ours one that the fuzzer sees."""

    raised: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Remember the exception that was logged."""
        if record.exc_info and record.exc_info[1] is not None:
            Finding.raised = record.exc_info[1]


class _Syntax:
    def __init__(self, uid: str) -> None:
        self.transfer_syntax = [uid]


CONTEXTS: Mapping[int, _Syntax] = {1: _Syntax(IMPLICIT_LE), 3: _Syntax(EXPLICIT_LE)}


def connection(data: bytes) -> None:
    """All that a peer sends on one connection, then its end."""
    theirs = socket.create_connection(LISTENER.getsockname())
    ours, _address = LISTENER.accept()
    session = Session(APP.archive, OPTIONS, DOOR, threading.Event())
    session.requestor.address_info = AddressInformation.from_tuple(("127.0.0.1", 1))
    session.acceptor.address_info = AddressInformation.from_tuple(("127.0.0.1", 2))
    with ours, theirs:
        tune_socket(ours)
        theirs.setblocking(False)
        with suppress(BlockingIOError):
            theirs.send(data)
        theirs.shutdown(socket.SHUT_WR)
        session.attach(ours, 2.0)
        session.run_reactor()
    left = list(APP.archive.incoming.iterdir())
    assert not left, "a temporary file stays"
    for taken in APP.archive.parts.spool.entries():
        taken.path.unlink()
    if Finding.raised is not None:
        raised, Finding.raised = Finding.raised, None
        raise raised


def after_association(data: bytes) -> None:
    """What comes on an association."""
    connection(ASSOCIATE + data)


def message(command: bytes, context_id: int, data: bytes) -> None:
    """A request with a data set."""
    pieces = [*pdus(context_id, command, 16384, is_command=True), *pdus(context_id, data, 16384, is_command=False)]
    connection(ASSOCIATE + b"".join(map(bytes, pieces)))


def request(data: bytes) -> None:
    """The body of an association request."""
    with suppress(NotDicom):
        once = tidy(data)
        assert tidy(once) == once


def fragments(data: bytes) -> None:
    """The body of a P-DATA-TF."""
    reader = MessageReader(APP.archive.incoming)
    try:
        for each in reader.read(memoryview(data), CONTEXTS):
            if each.file is not None:
                each.file.unlink()
    except NotDicom:
        pass
    finally:
        reader.discard()


def command_set(data: bytes) -> None:
    """A command set."""
    with suppress(NotDicom):
        command = parse_command(data)
        command.text(2)
        command.number(0x0110)


def identifier(data: bytes) -> None:
    """Keys of a query, in both encodings."""
    for syntax in (IMPLICIT_LE, EXPLICIT_LE):
        with suppress(BadQuery):
            found = read_identifier(data, syntax)
            levels = levels_of(PATIENT_ROOT_FIND)
            level = level_of(found, levels)
            query_of(found, level, None)
            RowEncoder(found, level, levels, "TRIALPACS")


TARGETS: tuple[Callable[[bytes], None], ...] = (
    connection,
    after_association,
    lambda data: message(FIND, 5, data),
    lambda data: message(MOVE, 7, data),
    lambda data: message(STORE, 3, data),
    request,
    fragments,
    command_set,
    identifier,
)


def one_input(data: bytes) -> None:
    """What atheris calls."""
    if data:
        TARGETS[data[0] % len(TARGETS)](data[1:])


def main() -> None:
    """Fuzz with libFuzzer's options."""
    silence_libraries()
    root = logging.getLogger("pacs")
    root.handlers, root.propagate = [Finding(logging.ERROR)], False
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
