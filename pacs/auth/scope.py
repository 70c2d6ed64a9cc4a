"""What a principal may see and do: the whole table of access in one file.

| principal | sees | stores into | serves |
|---|---|---|---|
| anonymous | released series of public collections | nothing | - |
| local | released series of `inbox` and of public collections | `inbox`, by DIMSE | all but commit |
| peer | released series of the collections it is bound to, or of all | what routing gives it | what it is allowed |
| researcher | released series of granted and of public collections | nothing | - |
| submitter | released series of public collections | granted collections | - |
| curator | everything in granted collections, as researcher elsewhere | granted collections | - |
| admin | everything | everything | - |

A user who gives name and token as user identity on an association reads by DIMSE, and stores with a role that
submits.

A grant without a collection counts for all of them.
"""

from collections.abc import Mapping

from pacs.model import Access, CollectionInfo, Principal, PrincipalKind, Role, Scope

LOCAL_COLLECTION = "inbox"
_READING = frozenset(("echo", "find", "move", "get"))
_LOCAL_SERVICES = _READING | {"store"}


def scope_of(principal: Principal, collections: Mapping[int, CollectionInfo]) -> Scope:
    """The collections whose series a principal sees, by whether unreleased ones are among them."""
    everything = frozenset(each for each in collections if is_curator_of(principal, each))
    released = {each.id for each in collections.values() if _sees_released(principal, each)}
    return Scope(everything, frozenset(released) - everything)


def _sees_released(principal: Principal, collection: CollectionInfo) -> bool:
    if principal.kind is PrincipalKind.PEER:
        return principal.collections is None or collection.id in principal.collections
    if collection.access is Access.PUBLIC:
        return True
    if principal.kind is PrincipalKind.LOCAL:
        return collection.name == LOCAL_COLLECTION
    return _has_role(principal, collection.id, Role.RESEARCHER, Role.CURATOR, Role.ADMIN)


def _has_role(principal: Principal, collection_id: int, *roles: Role) -> bool:
    return principal.kind is PrincipalKind.USER and any(
        grant.role in roles and grant.collection_id in (None, collection_id) for grant in principal.grants
    )


def is_curator_of(principal: Principal, collection_id: int) -> bool:
    """Whether a principal reviews, releases and removes in a collection."""
    return _has_role(principal, collection_id, Role.CURATOR, Role.ADMIN)


def may_store(principal: Principal, collection: CollectionInfo) -> bool:
    """Whether a principal may send objects into a collection."""
    if principal.kind is PrincipalKind.LOCAL:
        return collection.name == LOCAL_COLLECTION and "store" in principal.services
    if principal.kind is PrincipalKind.PEER:
        bound = principal.collections
        return "store" in principal.services and (bound is None or collection.id in bound)
    return _has_role(principal, collection.id, Role.SUBMITTER, Role.CURATOR, Role.ADMIN)


def may_serve(principal: Principal, service: str) -> bool:
    """Whether a principal may use a DIMSE service; see `model.DIMSE_SERVICES`."""
    return service in principal.services


def user_services(user: Principal) -> frozenset[str]:
    """What a user may ask for by DIMSE: everybody reads what they may see, who may submit stores."""
    submits = any(grant.role in (Role.SUBMITTER, Role.CURATOR, Role.ADMIN) for grant in user.grants)
    return _READING | (frozenset(("store", "commit")) if submits else frozenset())


def local_principal(name: str, *, dimse: bool) -> Principal:
    """A caller on this machine without credentials. By HTTP it only reads."""
    return Principal(PrincipalKind.LOCAL, name, services=_LOCAL_SERVICES if dimse else frozenset())
