"""Asking a peer whether it answers: C-ECHO as user. PS3.4 Annex A."""

import time

from pacs.dicom.syntaxes import EXPLICIT_LE, IMPLICIT_LE
from pacs.dimse.messages import (
    AFFECTED_SOP_CLASS,
    COMMAND_FIELD,
    DATA_SET_TYPE,
    MESSAGE_ID,
    NO_DATA_SET,
    STATUS,
    Field,
    Value,
)
from pacs.dimse.negotiation import VERIFICATION
from pacs.dimse.options import ScpOptions
from pacs.dimse.requestor import UnreachableError, open_link, proposed
from pacs.dimse.tuning import check_pynetdicom, silence_libraries
from pacs.errors import PacsError
from pacs.model import PeerInfo


class PeerUnreachableError(PacsError):
    """A peer does not take our association, or does not answer."""


def send_echo(peer: PeerInfo, options: ScpOptions, timeout_s: float = 10.0) -> float:
    """Milliseconds from asking for an association to the answer. Raises `PeerUnreachableError`."""
    check_pynetdicom()
    silence_libraries()
    started = time.monotonic()
    where = f"{peer.aet} at {peer.host}:{peer.port}"
    try:
        link = open_link(peer, [proposed(VERIFICATION, [IMPLICIT_LE, EXPLICIT_LE])], options)
    except UnreachableError as error:
        raise PeerUnreachableError(f"{where}: {error}") from None
    try:
        context_id = next(iter(link._accepted_cx), None)
        if context_id is None:
            raise PeerUnreachableError(f"{where} does not offer verification")
        request: dict[int, Value] = {AFFECTED_SOP_CLASS: VERIFICATION, COMMAND_FIELD: Field.C_ECHO_RQ}
        link.send_message(context_id, request | {MESSAGE_ID: 1, DATA_SET_TYPE: NO_DATA_SET})
        answer = link.receive(timeout_s)
        if answer is None or answer.command.number(STATUS, 0x0110):
            raise PeerUnreachableError(f"{where} did not answer the echo")
        elapsed = time.monotonic() - started
        link.release()
    finally:
        link.close()
    return elapsed * 1000
