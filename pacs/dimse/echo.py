"""Asking a peer whether it answers: C-ECHO as user. PS3.4 Annex A."""

import time

from pynetdicom import AE

from pacs.errors import PacsError
from pacs.model import PeerInfo

VERIFICATION = "1.2.840.10008.1.1"


class PeerUnreachableError(PacsError):
    """A peer does not take our association, or does not answer."""


def send_echo(peer: PeerInfo, own_aet: str, timeout_s: float = 10.0) -> float:
    """Milliseconds from asking for an association to the answer. Raises `PeerUnreachableError`."""
    ae = AE(own_aet)
    ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = timeout_s
    ae.add_requested_context(VERIFICATION)
    started = time.monotonic()
    try:
        association = ae.associate(peer.host, peer.port, ae_title=peer.aet)
    except OSError:
        raise PeerUnreachableError(f"the host of {peer.aet}, {peer.host}, cannot be found") from None
    if not association.is_established:
        how = "rejected" if association.is_rejected else "did not take"
        raise PeerUnreachableError(f"{peer.aet} at {peer.host}:{peer.port} {how} the association")
    try:
        status = association.send_c_echo()
    finally:
        association.release()
    if "Status" not in status or status.Status != 0:
        raise PeerUnreachableError(f"{peer.aet} at {peer.host}:{peer.port} did not answer the echo")
    return (time.monotonic() - started) * 1000
