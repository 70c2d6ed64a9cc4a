"""What an association server process is told when it starts."""

import ssl
from dataclasses import dataclass

from pacs.config import Settings


@dataclass(frozen=True, slots=True)
class ScpOptions:
    """Settings of one association server process. Times in seconds, sizes in bytes."""

    host: str = "127.0.0.1"
    port: int = 11112
    aet: str = "TRIALPACS"
    node: str = "node1"
    is_loopback: bool = True
    """Bound so that only callers on this machine reach it: then the principal `local` exists."""
    check_called_aet: bool = False
    max_associations: int = 96
    """In this process. Beyond it: rejected, transient, local limit exceeded."""
    pdu_bytes: int = 131072
    """128 KiB measured best: 16 KiB costs a third more, 1 MiB gains nothing."""
    idle_timeout_s: float = 600.0
    acse_timeout_s: float = 30.0
    """ARTIM: a connection that does not ask for an association within it is closed. PS3.8 9.1.5."""
    transfer_timeout_s: float = 60.0
    """Most silence inside a PDU, or while the peer does not take what we send."""
    connect_timeout_s: float = 10.0
    accepts_private_classes: bool = True
    find_limit: int = 0
    """Most rows of one C-FIND; 0: no limit."""
    stop_within_s: float = 5.0
    """An object whose transfer has begun gets so long to finish after a stop."""
    tls: ssl.SSLContext | None = None


def options_from(settings: Settings) -> ScpOptions:
    """The options that the settings ask for, without TLS."""
    dimse = settings.dimse
    return ScpOptions(
        host=settings.http.host,
        port=dimse.port,
        aet=dimse.aet,
        node=settings.storage.node,
        is_loopback=settings.bound_to_loopback,
        check_called_aet=dimse.check_called_aet,
        max_associations=dimse.max_associations,
        pdu_bytes=max(16384, dimse.pdu_bytes),
        idle_timeout_s=dimse.idle_timeout_s,
        acse_timeout_s=dimse.acse_timeout_s,
        accepts_private_classes=dimse.private_sop_classes == "accept",
        find_limit=dimse.find_limit,
    )
