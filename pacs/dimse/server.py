"""One association server process: it shares its port with others of its kind (SO_REUSEPORT). PS3.8 section 9."""

import contextlib
import logging
import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pynetdicom.transport import AddressInformation

from pacs.dimse.options import ScpOptions
from pacs.dimse.session import Door, Session
from pacs.dimse.slots import Slots
from pacs.dimse.tuning import SOCKET_BUFFER_BYTES, check_pynetdicom, silence_libraries, tune_socket
from pacs.spool import sweep_incoming

if TYPE_CHECKING:
    from pacs.archive import Archive
    from pacs.auth import Users

log = logging.getLogger("pacs.scp")
BACKLOG = 256
WAITING_CONNECTIONS = 64  # connections of one port without an association: those that ask, or say nothing
ASKING_S = 1.0  # how long it may take to ask when others wait for the place
POLL_MS = 200


def listen(options: ScpOptions, port: int | None = None) -> socket.socket:
    """A listening socket that other processes may share. Raises OSError when the address is not free for us."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Before listen(), so that connections inherit it and TCP announces a window to match.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
        listener.bind((options.host, options.port if port is None else port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def run_scp(archive: "Archive", options: ScpOptions, stop: threading.Event, users: "Users") -> None:
    """Serve associations until `stop` is set; objects in hand then get `options.stop_within_s` to finish.

    `users` are those whose name and token an association may bring as user identity. Raises `ConfigError` when the
    installed pynetdicom is not one that we know, OSError when a port is taken.
    """
    check_pynetdicom()
    silence_libraries()
    sweep_incoming(archive.parts.spool)  # this process may stand in for one that died with half an object
    listeners: dict[socket.socket, ssl.SSLContext | None] = {listen(options): None}
    if options.tls_port:
        listeners[listen(options, options.tls_port)] = options.server_tls
    Server(archive, options, stop, users).run(listeners)


class Server:
    """Accepts connections and keeps their sessions."""

    def __init__(self, archive: "Archive", options: ScpOptions, stop: threading.Event, users: "Users") -> None:
        self.archive = archive
        self.options = options
        self.stop = stop
        self.door = Door(Slots(options.slots, options.max_associations), users.by_passcode)
        self.sessions: dict[Session, tuple[socket.socket, float]] = {}
        """Each with the listener that it came by, and when it came."""

    def run(self, listeners: Mapping[socket.socket, ssl.SSLContext | None]) -> None:
        """Accept until the stop, then wait for the sessions to end. By listener, what it does TLS with."""
        poller = select.poll()
        by_file = {each.fileno(): each for each in listeners}
        for listener in listeners:
            listener.setblocking(False)
            poller.register(listener, select.POLLIN)
        while not self.stop.is_set():
            ready = poller.poll(POLL_MS)
            self.sessions = {each: came for each, came in self.sessions.items() if each.is_alive()}
            for file, _event in ready:
                self.accept(by_file[file], listeners[by_file[file]])
        for listener in listeners:
            listener.close()
        self.finish()
        self.door.slots.close()

    def accept(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Start a session for each connection that waits."""
        while True:
            try:
                sock, address = listener.accept()
            except BlockingIOError:
                return
            except OSError:  # out of file descriptors, or the peer has gone already
                log.warning("connection not accepted")
                time.sleep(0.05)
                return
            if not self.make_room(listener):
                sock.close()
                continue
            try:
                self.sessions[self.start(sock, address, tls)] = listener, time.monotonic()
            except (OSError, RuntimeError):  # gone already; or no more threads
                sock.close()

    def make_room(self, listener: socket.socket) -> bool:
        """Whether one more connection may come in by this port.

        Associations have a limit of their own. Of connections without one each port has so many: beyond that the
        oldest gives way to the new one, unless it too came just now, so that silent ones keep nobody out.
        """
        waiting = [(at, each) for each, (by, at) in self.sessions.items() if by is listener and not each.is_established]
        if len(waiting) < WAITING_CONNECTIONS:
            return True
        at, oldest = min(waiting, key=lambda pair: pair[0])
        if time.monotonic() - at < ASKING_S:
            return False
        stream = oldest.stream
        with contextlib.suppress(OSError):
            if stream is not None:
                stream.cut()
        del self.sessions[oldest]
        return True

    def start(self, sock: socket.socket, address: tuple[str, int], tls: ssl.SSLContext | None) -> Session:
        """Serve one connection in a thread of its own; the TLS handshake is made there."""
        tune_socket(sock)
        if tls is not None:
            sock = tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        session = Session(self.archive, self.options, self.door, self.stop)
        session.requestor.address_info = AddressInformation.from_tuple(address[:2])
        session.acceptor.address_info = AddressInformation.from_tuple(sock.getsockname()[:2])
        session.attach(sock, self.options.acse_timeout_s)
        session.start()
        return session

    def finish(self) -> None:
        """Wait until the sessions have ended; each watches the stop itself."""
        deadline = time.monotonic() + self.options.stop_within_s + 2.0
        for session in self.sessions:
            session.join(max(0.0, deadline - time.monotonic()))
