"""Which collections an association or request feeds, from door facts only."""

from pacs.errors import NotAllowed
from pacs.model import PeerInfo, Principal, PrincipalKind, Role
from pacs.registry.snapshot import INBOX, Snapshot


def route(
    snapshot: Snapshot,
    *,
    called_aet: str = "",
    peer: PeerInfo | None = None,
    principal: Principal | None = None,
    collection: str = "",
) -> tuple[int, ...]:
    """Collection ids in the registry's order; never empty.

    A collection named by the request wins, then those whose own AE title was called, then the peer's, then the only one
    that a user may submit to, then ``inbox``.
    A peer that is bound to collections can feed no other, and the principal `local` nothing but ``inbox``. Raises
    `NotFound` for an unknown name, `NotAllowed` when nothing is left.
    """
    bound = peer.collection_ids if peer is not None else None
    if principal is not None and principal.kind is PrincipalKind.LOCAL:
        bound = frozenset(_inbox(snapshot))
    if collection:
        wanted = [snapshot.collection_named(collection).id]
    else:
        called = called_aet.strip()
        wanted = [each for each in snapshot.order if called and snapshot.collections[each].called_aet == called]
        if not wanted:
            wanted = sorted(bound) if bound is not None else _only_one(snapshot, principal) or _inbox(snapshot)
    allowed = tuple(each for each in wanted if bound is None or each in bound)
    if not allowed:
        raise NotAllowed("no collection takes objects from this sender")
    return allowed


def _inbox(snapshot: Snapshot) -> list[int]:
    return [each for each in snapshot.order if snapshot.collections[each].name == INBOX]


def _only_one(snapshot: Snapshot, principal: Principal | None) -> list[int]:
    """The collection of a user who submits to that one and has no other role; else none."""
    grants = principal.grants if principal is not None and principal.kind is PrincipalKind.USER else ()
    named = {each.collection_id for each in grants}
    if len(named) != 1 or any(each.role is not Role.SUBMITTER for each in grants):
        return []
    return [each for each in snapshot.order if each in named]
