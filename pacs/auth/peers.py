"""Application entities as principals: who calls, by AE title, address, certificate and user identity."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address

from pacs.auth.scope import local_principal, user_services
from pacs.errors import PacsError
from pacs.model import ANONYMOUS, PeerInfo, Principal, PrincipalKind

_READING = frozenset(("echo", "find", "move", "get"))


class UnknownPeer(PacsError):
    """Nobody that we know calls, or not from where, or not as, it should. PS3.8 9.3.4: 1/1/3."""


class UnknownUser(PacsError):
    """A user identity is demanded, and there is no valid one. PS3.7 D.3.3.7: 1/1/1."""


@dataclass(frozen=True, slots=True)
class Call:
    """What an association request says of who asks. `certificate` is the SHA-256 of the one that was shown over TLS.

    `user` are name and passcode of a user identity of type 2 (PS3.7 D.3.3.7.1), None without one.
    """

    aet: str
    address: str
    certificate: str = ""
    user: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class DoorPolicy:
    """What the server does with callers.

    `local`: bound to loopback, so that callers from there without an entry are `local`. `unknown_callers` from
    elsewhere: ``reject``, or ``read`` what everybody may read. `needs_identity`: everybody needs a user identity.
    """

    local: bool = False
    unknown_callers: str = "reject"
    needs_identity: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the peer's entry, if there is one, and what it may do. `as_user`: by a valid user identity."""

    principal: Principal
    peer: PeerInfo | None
    as_user: bool = False


def identify_caller(
    call: Call,
    peers: Mapping[str, PeerInfo],
    policy: DoorPolicy,
    user_of: Callable[[str, str], Principal | None] = lambda _name, _passcode: None,
) -> Caller:
    """The principal of a caller.

    `user_of` is asked for a user by name and passcode. A valid user identity counts for more than the AE title: what
    the user may do is what the association may do; it sends for its own site, else for the peer's. Raises
    `UnknownPeer`, `UnknownUser`: reject.
    """
    peer = peers.get(call.aet)
    if peer is None and call.certificate:
        peer = next((each for each in peers.values() if each.rules.certificate == call.certificate), None)
    if peer is not None:
        _check_peer(peer, call)
    user = user_of(*call.user) if call.user is not None else None
    if user is not None:
        site = user.site or (peer.site if peer is not None else "")
        return Caller(replace(user, services=user_services(user), site=site), peer, as_user=True)
    if policy.needs_identity or (peer is not None and peer.rules.needs_identity):
        raise UnknownUser("a valid user identity is needed")
    if peer is not None:
        kind, bound = PrincipalKind.PEER, peer.collection_ids
        return Caller(Principal(kind, peer.aet, services=peer.allow, collections=bound, site=peer.site), peer)
    if policy.local and is_loopback(call.address):
        return Caller(local_principal(call.aet, dimse=True), None)
    if policy.unknown_callers == "read":
        return Caller(replace(ANONYMOUS, services=_READING), None)
    raise UnknownPeer("nobody known by that AE title")


def _check_peer(peer: PeerInfo, call: Call) -> None:
    rules = peer.rules
    if not rules.enabled:
        raise UnknownPeer("the peer is disabled")
    if rules.certificate and rules.certificate != call.certificate:
        raise UnknownPeer("the peer did not show its certificate")
    if rules.check_host and not is_at(call.address, peer.host):
        raise UnknownPeer("the peer calls from another host")


def is_loopback(address: str) -> bool:
    """Whether an IP address is this machine's own; a name or nonsense is not."""
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def is_at(address: str, host: str) -> bool:
    """Whether an IP address is one of a host's, which is an address or a name."""
    try:
        wanted = ip_address(address.partition("%")[0])
        found = {ip_address(str(each[4][0]).partition("%")[0]) for each in socket.getaddrinfo(host, None)}
    except (ValueError, OSError, UnicodeError):
        return False
    return wanted in found or any(getattr(each, "ipv4_mapped", None) == wanted for each in found)
