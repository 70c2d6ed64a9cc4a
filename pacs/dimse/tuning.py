"""What we change of pynetdicom before using it, each with its reason; checked at start against the installed version.

Written for pynetdicom 3.0.2 to 3.0.4. `check_pynetdicom` names what is missing when another version moved it.
"""

import logging
import socket
import warnings

import pynetdicom
from pynetdicom import _config
from pynetdicom.acse import ACSE
from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider
from pynetdicom.transport import AssociationSocket

from pacs.errors import ConfigError

SUPPORTED = "3.0."
SOCKET_BUFFER_BYTES = 1 << 20
"""Two 512 KiB slices: the sender goes on while we write. Measured 1.3 times faster than the default for one sender."""

# What `upper_layer` overrides or calls below pynetdicom's documented surface.
_NEEDED = {
    DULServiceProvider: ("_decode_pdu", "_process_recv_primitive", "_send", "start", "send_pdu"),
    ACSE: ("_negotiate_as_acceptor", "_negotiate_as_requestor", "send_accept", "send_reject", "negotiate_release"),
    Association: ("run_reactor", "_abort_blocking", "release", "kill", "request", "set_socket"),
    AssociationSocket: ("connect", "send", "close"),
}


def check_pynetdicom() -> None:
    """Raise `ConfigError` when the installed pynetdicom is not one that `upper_layer` was written for."""
    if not pynetdicom.__version__.startswith(SUPPORTED):
        raise ConfigError(f"pynetdicom {SUPPORTED}x is needed, {pynetdicom.__version__} is installed")
    for owner, names in _NEEDED.items():
        for name in names:
            if not hasattr(owner, name):
                raise ConfigError(f"pynetdicom {pynetdicom.__version__} has no {owner.__name__}.{name}")


def silence_libraries() -> None:
    """Nothing that pydicom or pynetdicom say reaches a log: their messages quote values and dump data sets.

    Their default event handlers also cost a tenth of the time of a C-STORE.
    """
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    for name in ("pynetdicom", "pydicom"):
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module=r"py(net)?dicom\b")


def tune_socket(sock: socket.socket) -> None:
    """Prepare a connection.

    TCP_NODELAY: with Nagle on, a peer with delayed acknowledgements waits 40 ms for every response. It blocks; what
    limits that in time is `Stream`.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
    sock.settimeout(None)
