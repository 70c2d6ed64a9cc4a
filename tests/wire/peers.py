"""Peers that talk to the server: pynetdicom as client and receiver, DCMTK's tools, and bare sockets."""

import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context, build_role

from pacs.dicom.syntaxes import EXPLICIT_LE, IMPLICIT_LE, STORAGE_CLASSES, TRANSFER_SYNTAXES
from pacs.dimse.messages import encode_command, pdus
from tests.builders import CT

STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2."
PATIENT_ROOT = "1.2.840.10008.5.1.4.1.2.1."
VERIFICATION = "1.2.840.10008.1.1"
_CALLERS = ("echoscu", "storescu", "dcmsend", "findscu", "movescu", "getscu")


class _Checkpoint(threading.Event):
    """The gate at which pynetdicom's requestor thread rests while a message is under way, without its race.

    As it is, a message sent right after another can find the thread still marked as resting though it has just been let
    go; the thread then takes a response from the queue and drops it ("unexpected C-FIND service message").
    """

    def __init__(self, assoc: Association) -> None:
        super().__init__()
        self._assoc = assoc
        self._gate = threading.Lock()
        self.set()

    def clear(self) -> None:
        with self._gate:
            super().clear()

    def wait(self, timeout: float | None = None) -> bool:
        while True:
            super().wait(timeout)
            with self._gate:
                if self.is_set():
                    self._assoc._is_paused = False
                    return True


@contextmanager
def association(
    port: int, contexts: Iterable[PresentationContext], *, calling: str = "PEER", called: str = "TRIALPACS", **more: Any
) -> Iterator[Association]:
    """An established association with pynetdicom as requestor."""
    ae = AE(calling)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 30
    assoc = ae.associate("127.0.0.1", port, list(contexts), ae_title=called, **more)
    assert assoc.is_established, (assoc.is_rejected, assoc.is_aborted)
    assoc._reactor_checkpoint = _Checkpoint(assoc)
    try:
        yield assoc
    finally:
        assoc.release()


def store(port: int, objects: Iterable[Dataset], **more: Any) -> list[int]:
    """Store objects over one association; the statuses."""
    objects = list(objects)
    classes = sorted({CT, *(str(each.SOPClassUID) for each in objects)})
    with association(port, [build_context(each, [EXPLICIT_LE]) for each in classes], **more) as assoc:
        return [int(assoc.send_c_store(each).Status) for each in objects]


def find(port: int, model: str = STUDY_ROOT, **keys: Any) -> tuple[list[Dataset], Dataset]:
    """The rows of a C-FIND, and the last status."""
    with association(port, [build_context(f"{model}1", [EXPLICIT_LE, IMPLICIT_LE])]) as assoc:
        return find_on(assoc, f"{model}1", **keys)


def find_on(assoc: Association, sop_class: str, **keys: Any) -> tuple[list[Dataset], Dataset]:
    """The rows of a C-FIND on an association, and the last status."""
    answers = list(assoc.send_c_find(identifier(**keys), sop_class))
    return [row for _status, row in answers if row is not None], answers[-1][0]


def identifier(**keys: Any) -> Dataset:
    """An identifier from keywords; `level` is the Query/Retrieve Level."""
    ds = Dataset()
    for keyword, value in keys.items():
        tag = tag_for_keyword("QueryRetrieveLevel" if keyword == "level" else keyword)
        assert tag is not None
        ds.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=IGNORE))
    return ds


def move(port: int, destination: str, model: str = STUDY_ROOT, **keys: Any) -> list[tuple[Dataset, Dataset | None]]:
    """All responses of a C-MOVE."""
    with association(port, [build_context(f"{model}2", [EXPLICIT_LE])]) as assoc:
        return list(assoc.send_c_move(identifier(**keys), destination, f"{model}2"))


def get(port: int, *, syntaxes: Sequence[str] = (EXPLICIT_LE,), **keys: Any) -> tuple[list[Dataset], list[Dataset]]:
    """The objects that a C-GET brings, and the statuses of its responses."""
    received: list[Dataset] = []

    def on_store(event: evt.Event) -> int:
        ds = event.dataset
        ds.file_meta = event.file_meta
        received.append(ds)
        return 0

    contexts = [build_context(f"{STUDY_ROOT}3", [EXPLICIT_LE]), build_context(CT, list(syntaxes))]
    more: dict[str, Any] = {"ext_neg": [build_role(CT, scp_role=True)], "evt_handlers": [(evt.EVT_C_STORE, on_store)]}
    with association(port, contexts, **more) as assoc:
        statuses = [status for status, _ds in assoc.send_c_get(identifier(**keys), f"{STUDY_ROOT}3")]
    return received, statuses


class Receiver:
    """A storage SCP; keeps what it got as files, with the originator that was named."""

    def __init__(self, aet: str, folder: Path, status: int = 0, syntaxes: Sequence[str] = TRANSFER_SYNTAXES) -> None:
        self.folder = folder
        self.status = status
        self.objects: list[Dataset] = []
        self.originators: list[tuple[str, int]] = []
        self.gate: threading.Event | None = None
        self.waiting = False
        self.associations: list[Any] = []
        self.ae = AE(aet)
        self.server: Any = None
        self.ae.maximum_associations = 20
        for sop_class in [*sorted(STORAGE_CLASSES)[:120], CT]:
            self.ae.add_supported_context(sop_class, list(syntaxes))
        self.port = 0

    def __enter__(self) -> "Receiver":
        handlers: list[Any] = [(evt.EVT_C_STORE, self.on_store), (evt.EVT_ACCEPTED, self.associations.append)]
        self.server = self.ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = self.server.socket.getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()

    def on_store(self, event: evt.Event) -> int:
        """Keep one object, once `gate` lets it in."""
        if self.gate is not None:
            self.waiting = True
            self.gate.wait(20)
        ds = event.dataset
        ds.file_meta = event.file_meta
        self.objects.append(ds)
        request: Any = event.request
        self.originators.append((request.MoveOriginatorApplicationEntityTitle, request.MoveOriginatorMessageID))
        return self.status


def dcmtk(tool: str, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run one of DCMTK's tools; the virtual environment has others of the same names."""
    path = shutil.which(tool, path="/usr/bin:/usr/local/bin")
    assert path, f"DCMTK's {tool} is missing: run scripts/test, which installs Debian's dcmtk"
    if tool in _CALLERS and "-aec" not in arguments:  # they call ANY-SCP otherwise, which is not ours
        arguments = ("-aec", "TRIALPACS", *arguments)
    done = subprocess.run(
        [path, *arguments], capture_output=True, text=True, errors="replace", timeout=120, check=False
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


class Bare:
    """A socket that sends what it is told, right or wrong. `conftest` closes what a test left open."""

    opened: ClassVar[list["Bare"]] = []

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), 20)
        self.opened.append(self)

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.sock.sendall(data)

    def pdu(self) -> tuple[int, bytes]:
        """Read one PDU; type 0 when the connection has ended."""
        head = self.read(6)
        if len(head) < 6:
            return 0, b""
        kind, length = struct.unpack(">BxI", head)
        return kind, self.read(length)

    def read(self, size: int) -> bytes:
        """So many bytes, or fewer at the end."""
        data = b""
        while len(data) < size:
            try:
                piece = self.sock.recv(size - len(data))
            except ConnectionError:
                break
            if not piece:
                break
            data += piece
        return data

    def associate(self, abstract: str = CT, syntax: str = EXPLICIT_LE, **more: Any) -> tuple[int, bytes]:
        """Ask for an association with one context; the answer."""
        self.send(associate_rq([(abstract, [syntax])], **more))
        return self.pdu()

    def command(self, values: dict[int, int | str], context_id: int = 1) -> None:
        """Send a command set."""
        self.send(b"".join(map(bytes, pdus(context_id, encode_command(values), 16384, is_command=True))))

    def data_set(self, data: bytes, context_id: int = 1, limit: int = 16384, *, is_last: bool = True) -> None:
        """Send a data set."""
        self.send(b"".join(map(bytes, pdus(context_id, data, limit, is_command=False, is_last=is_last))))

    def close(self) -> None:
        """Close without a word."""
        self.sock.close()


def associate_rq(
    contexts: Sequence[tuple[str, Sequence[str]]],
    *,
    called: str = "TRIALPACS",
    calling: str = "BARE",
    version: int = 1,
    application: str = "1.2.840.10008.3.1.1.1",
    user: bytes = b"",
) -> bytes:
    """An A-ASSOCIATE-RQ PDU. PS3.8 9.3.2."""

    def item(kind: int, body: bytes) -> bytes:
        return struct.pack(">BxH", kind, len(body)) + body

    body = struct.pack(">HH16s16s32x", version, 0, called.ljust(16).encode(), calling.ljust(16).encode())
    body += item(0x10, application.encode())
    for number, (abstract, syntaxes) in enumerate(contexts):
        inner = item(0x30, abstract.encode()) + b"".join(item(0x40, each.encode()) for each in syntaxes)
        body += item(0x20, struct.pack(">Bxxx", 2 * number + 1) + inner)
    body += item(0x50, item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3.4") + user)
    return struct.pack(">BxI", 1, len(body)) + body
