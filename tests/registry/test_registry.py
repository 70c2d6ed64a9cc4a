"""What is configured, seen at once by every process; and where objects are routed."""

import pytest

from pacs.auth.peers import Call, DoorPolicy, identify_caller
from pacs.db import close_thread
from pacs.errors import BadRequest, Conflict, NotAllowed, NotFound
from pacs.model import Access, Grant, PeerInfo, Principal, PrincipalKind, Release, Role
from pacs.registry import Registry, route
from pacs.registry.registry import NewCollection


@pytest.fixture
def registry(database):
    return Registry(database)


def add(registry, name, **changes):
    return registry.create_collection(NewCollection(name, "basic", "v1", 1, **changes))


def test_new_collection_is_seen_by_others_at_once(database, registry):
    other = Registry(database)
    assert other.snapshot().collections == {}
    made = add(registry, "trial-1", title="Trial", release=Release.REVIEW, access=Access.PUBLIC)
    assert other.snapshot().collection_named("trial-1") == made
    assert made.key_label == "trial-1"


def test_snapshot_is_kept_while_nothing_changes(registry):
    add(registry, "a")
    assert registry.snapshot() is registry.snapshot()


def test_collections_answer_in_order_of_making(registry):
    first, second = add(registry, "b"), add(registry, "a")
    assert registry.snapshot().order == (first.id, second.id)


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 65, "-x", "ä"])
def test_refuses_bad_collection_names(registry, name):
    with pytest.raises(BadRequest):
        add(registry, name)


def test_refuses_second_collection_of_a_name(registry):
    add(registry, "a")
    with pytest.raises(Conflict):
        add(registry, "a")
    assert len(registry.snapshot().collections) == 1


@pytest.mark.parametrize(
    "change", [{"release": "never"}, {"originals": "days:0"}, {"called_aet": "x" * 17}, {"access": "all"}]
)
def test_refuses_settings_that_mean_nothing(registry, change):
    add(registry, "a")
    with pytest.raises(BadRequest):
        registry.set_collection("a", change)


def test_settings_change(registry):
    add(registry, "a")
    assert registry.set_collection("a", {"duplicates": "replace", "originals": "days:30"}).originals == "days:30"
    with pytest.raises(NotFound):
        registry.set_collection("b", {"title": "x"})


def test_peer_is_added_replaced_and_removed(registry):
    registry.add_peer("MODALITY", "10.0.0.1", 104, frozenset(("store", "echo")))
    assert registry.add_peer(" MODALITY ", "10.0.0.2", 105).host == "10.0.0.2"
    assert list(registry.snapshot().peers) == ["MODALITY"]
    registry.remove_peer("MODALITY")
    with pytest.raises(NotFound):
        registry.remove_peer("MODALITY")


@pytest.mark.parametrize(
    ("aet", "port", "allow"), [("", 104, "echo"), ("A\\B", 104, "echo"), ("A", 0, "echo"), ("A", 104, "fly")]
)
def test_refuses_bad_peers(registry, aet, port, allow):
    with pytest.raises(BadRequest):
        registry.add_peer(aet, "host", port, frozenset((allow,)))


def test_routes_by_request_called_title_peer_then_inbox(registry):
    inbox, trial, other = add(registry, "inbox"), add(registry, "trial", called_aet="TRIAL"), add(registry, "other")
    snapshot = registry.snapshot()
    bound = PeerInfo("X", "h", 1, frozenset(), frozenset((other.id,)))
    free = PeerInfo("X", "h", 1, frozenset(), None)
    assert route(snapshot) == (inbox.id,)
    assert route(snapshot, called_aet="TRIAL ", peer=free) == (trial.id,)
    assert route(snapshot, peer=bound) == (other.id,)
    assert route(snapshot, called_aet="TRIAL", collection="other") == (other.id,)
    submits, everywhere = Grant(Role.SUBMITTER, trial.id), Grant(Role.SUBMITTER)
    for grants, found in [
        ((submits,), trial),
        ((submits, Grant(Role.SUBMITTER, other.id)), inbox),
        ((submits, Grant(Role.CURATOR, trial.id)), inbox),
        ((everywhere,), inbox),
    ]:
        assert route(snapshot, principal=Principal(PrincipalKind.USER, "sam", grants)) == (found.id,)
    with pytest.raises(NotAllowed):
        route(snapshot, called_aet="TRIAL", peer=bound)
    with pytest.raises(NotFound):
        route(snapshot, collection="nothing")


def test_title_of_two_collections_routes_to_both(registry):
    one, two = add(registry, "one", called_aet="BOTH"), add(registry, "two", called_aet="BOTH")
    assert route(registry.snapshot(), called_aet="BOTH") == (one.id, two.id)


def test_local_caller_feeds_the_inbox_only(registry):
    inbox = add(registry, "inbox")
    add(registry, "trial", called_aet="TRIAL")
    local = identify_caller(Call("ANY", "127.0.0.1"), {}, DoorPolicy(local=True)).principal
    assert route(registry.snapshot(), principal=local) == (inbox.id,)
    with pytest.raises(NotAllowed):
        route(registry.snapshot(), principal=local, called_aet="TRIAL")


def test_nobody_takes_objects_without_collections(registry):
    with pytest.raises(NotAllowed):
        route(registry.snapshot())


def test_survives_a_closed_connection(database, registry):
    add(registry, "a")
    close_thread(database)
    assert registry.snapshot().collection_named("a").name == "a"


def test_refuses_to_forward_to_a_peer_of_other_collections(registry):
    add(registry, "LUNG")
    add(registry, "BRAIN")
    registry.add_peer("BRAINS", "127.0.0.1", 104, {"find"}, ["BRAIN"])
    registry.add_peer("ALL", "127.0.0.1", 104, {"find"})
    with pytest.raises(Conflict, match="other collections"):
        registry.add_forward("LUNG", "BRAINS")
    registry.add_forward("BRAIN", "BRAINS")
    registry.add_forward("LUNG", "ALL")
    assert sorted(map(tuple, registry.snapshot().forwards.values())) == [("ALL",), ("BRAINS",)]
