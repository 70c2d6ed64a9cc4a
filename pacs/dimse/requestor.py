"""Associations that we open: to the destination of a C-MOVE, and to see whether a peer answers."""

import socket
import ssl
import time
from collections.abc import Sequence

from pydicom.uid import UID
from pynetdicom.ae import ApplicationEntity
from pynetdicom.presentation import PresentationContext, build_role
from pynetdicom.transport import AddressInformation

from pacs import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs.dimse.link import LEAST_PDU_BYTES, Link
from pacs.dimse.options import ScpOptions
from pacs.dimse.reception import MessageReader
from pacs.dimse.stream import Stream
from pacs.dimse.tuning import tune_socket
from pacs.errors import PacsError
from pacs.model import PeerInfo


class UnreachableError(PacsError):
    """The peer does not answer, or refuses the association."""


class NoContextError(UnreachableError):
    """The peer is there, and takes nothing of what was proposed."""


def application_entity(aet: str) -> ApplicationEntity:
    """Our application entity, under our own implementation UID. PS3.7 D.3.3.2."""
    ae = ApplicationEntity(aet)
    ae.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    return ae


def proposed(sop_class_uid: str, transfer_syntax_uids: Sequence[str]) -> PresentationContext:
    """A presentation context to propose; ids are given when the association is asked for."""
    context = PresentationContext()
    context.abstract_syntax = UID(sop_class_uid)
    context.transfer_syntax = [UID(each) for each in transfer_syntax_uids]
    return context


def open_link(
    peer: PeerInfo, contexts: Sequence[PresentationContext], options: ScpOptions, *, as_scp: str = ""
) -> Link:
    """An established association with a peer. Raises `UnreachableError`, `NoContextError`. At most 128 contexts.

    `as_scp` is a SOP class of which we are the provider there. PS3.7 D.3.3.4.
    """
    try:
        sock = socket.create_connection((peer.host, peer.port), options.connect_timeout_s)
    except (OSError, UnicodeError) as error:
        raise UnreachableError("the destination does not answer") from error
    tune_socket(sock)
    until = time.monotonic() + options.acse_timeout_s
    if peer.rules.tls and options.client_tls is not None:
        sock = _over_tls(sock, options.client_tls, until)
    ae = application_entity(options.aet)
    link = Link(ae, "requestor", pdu_bytes=options.pdu_bytes, reader=MessageReader(None))
    link.attach(sock, options.acse_timeout_s)
    link.acse_timeout = max(1.0, until - time.monotonic())
    link.acceptor.ae_title = peer.aet
    link.acceptor.address_info = AddressInformation.from_tuple(sock.getpeername()[:2])
    link.requestor.address_info = AddressInformation.from_tuple(sock.getsockname()[:2])
    link.requestor.ae_title = options.aet
    link.requestor.maximum_length = options.pdu_bytes
    link.requestor.implementation_class_uid = ae.implementation_class_uid
    link.requestor.implementation_version_name = ae.implementation_version_name
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    link.requestor.requested_contexts = list(contexts)
    if as_scp:
        link.requestor.add_negotiation_item(build_role(as_scp, scu_role=False, scp_role=True))
    link.request()
    if not link.is_established:
        takes_nothing = bool(link.rejected_contexts) and not link.accepted_contexts
        link.close()
        if takes_nothing:
            raise NoContextError("the destination takes objects of none of these SOP classes")
        raise UnreachableError("the destination refuses the association")
    if 0 < (link.acceptor.maximum_length or 0) < LEAST_PDU_BYTES:
        link.abort()
        link.close()
        raise UnreachableError("the destination takes no PDU that could hold data")
    link.acse_timeout = options.acse_timeout_s
    if link.stream is not None:
        link.stream.limit(options.transfer_timeout_s)
    return link


def _over_tls(sock: socket.socket, context: ssl.SSLContext, until: float) -> ssl.SSLSocket:
    """The socket once its TLS handshake is done, by that monotonic time. Raises `UnreachableError`."""
    try:
        secured = context.wrap_socket(sock, do_handshake_on_connect=False)
    except OSError as error:
        sock.close()
        raise UnreachableError("no TLS connection with the destination") from error
    try:
        Stream(secured, 1.0).shake_hands(until)
    except (OSError, ValueError) as error:
        secured.close()
        raise UnreachableError("no TLS connection with the destination") from error
    return secured
