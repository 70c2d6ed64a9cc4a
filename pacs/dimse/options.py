"""What an association server process is told when it starts."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from pacs.auth.peers import DoorPolicy
from pacs.config import Settings
from pacs.dimse.tls import client_context, server_context
from pacs.folders import Folders

LEAST_PDU_BYTES = 16384
_FIRST_TRY = DoorPolicy(local=True)


@dataclass(frozen=True, slots=True)
class ScpOptions:
    """Settings of one association server process. Times in seconds, sizes in bytes."""

    host: str = "127.0.0.1"
    port: int = 11112
    aet: str = "TRIALPACS"
    node: str = "node1"
    policy: DoorPolicy = _FIRST_TRY
    """Who is let in besides peers that are entered."""
    check_called_aet: bool = True
    max_associations: int = 128
    """Over all processes. Beyond it: rejected, transient, local limit exceeded."""
    slots: Path = Path("associations")
    """Folder with the record locks that count them."""
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
    tls_port: int = 0
    server_tls: ssl.SSLContext | None = None
    client_tls: ssl.SSLContext | None = None
    """For peers that are called over TLS."""


def options_from(settings: Settings) -> ScpOptions:
    """The options that the settings ask for. Raises `ConfigError` for TLS files that cannot be used."""
    dimse, folders = settings.dimse, Folders(settings.data)
    return ScpOptions(
        host=settings.http.host,
        port=dimse.port,
        aet=dimse.aet,
        node=settings.storage.node,
        policy=DoorPolicy(settings.bound_to_loopback, dimse.unknown_callers, dimse.needs_identity),
        check_called_aet=dimse.check_called_aet,
        max_associations=dimse.max_associations,
        pdu_bytes=max(LEAST_PDU_BYTES, dimse.pdu_bytes),
        idle_timeout_s=dimse.idle_timeout_s,
        acse_timeout_s=dimse.acse_timeout_s,
        transfer_timeout_s=dimse.transfer_timeout_s,
        accepts_private_classes=dimse.private_sop_classes == "accept",
        find_limit=dimse.find_limit,
        slots=folders.associations,
        tls_port=dimse.tls_port,
        server_tls=server_context(dimse, folders.tls) if dimse.tls_port else None,
        client_tls=client_context(dimse, folders.tls),
    )
