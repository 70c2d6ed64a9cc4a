"""Application entities as principals."""

from ipaddress import ip_address

from pacs.auth.scope import local_principal
from pacs.model import PeerInfo, Principal, PrincipalKind


def identify_peer(peer: PeerInfo | None, aet: str, address: str, *, local: bool) -> Principal | None:
    """The principal of a calling AE title, or None: reject the association (PS3.8 9.3.4, result 1/1/3).

    `peer` is the registry's entry for `aet`, if any. `local`: the server is bound to loopback, so that callers from
    there without an entry are `local`.
    """
    if peer is not None:
        return Principal(PrincipalKind.PEER, peer.aet, services=peer.allow, collections=peer.collection_ids)
    if local and is_loopback(address):
        return local_principal(aet, dimse=True)
    return None


def is_loopback(address: str) -> bool:
    """Whether an IP address is this machine's own; a name or nonsense is not."""
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False
