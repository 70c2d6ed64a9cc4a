"""Who calls, and what each principal sees and may do."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pacs.auth import Users, may_serve, may_store, scope_of
from pacs.auth.http import WrongCredentials, identify
from pacs.auth.peers import (
    Call,
    DoorPolicy,
    UnknownPeer,
    UnknownUser,
    identify_caller,
    is_at,
    is_loopback,
)
from pacs.db.tables.auth import Token, User
from pacs.errors import BadRequest, NotFound
from pacs.model import (
    ANONYMOUS,
    Access,
    CollectionInfo,
    Duplicates,
    Grant,
    PeerInfo,
    PeerRules,
    Principal,
    PrincipalKind,
    Release,
    Role,
)


def collection(number: int, name: str, access: Access) -> CollectionInfo:
    return CollectionInfo(
        number, name, name, "basic", "v", 1, name, Release.REVIEW, access, Duplicates.KEEP_FIRST, "", "", "discard", 0
    )


INBOX = collection(1, "inbox", Access.RESTRICTED)
PUBLIC = collection(2, "public", Access.PUBLIC)
SECRET = collection(3, "secret", Access.RESTRICTED)
ALL = {each.id: each for each in (INBOX, PUBLIC, SECRET)}


def user(role: Role, collection_id: int | None = None) -> Principal:
    return Principal(PrincipalKind.USER, "u", (Grant(role, collection_id),))


LOCAL = identify_caller(Call("X", "127.0.0.1"), {}, DoorPolicy(local=True)).principal
PEER = Principal(PrincipalKind.PEER, "P", services=frozenset(("store", "find")))
BOUND = Principal(PrincipalKind.PEER, "P", services=frozenset(("store",)), collections=frozenset((3,)))


@pytest.mark.parametrize(
    ("principal", "everything", "released", "stores"),
    [
        (ANONYMOUS, set(), {2}, set()),
        (LOCAL, set(), {1, 2}, {1}),
        (PEER, set(), {1, 2, 3}, {1, 2, 3}),
        (BOUND, set(), {3}, {3}),
        (user(Role.RESEARCHER, 3), set(), {2, 3}, set()),
        (user(Role.RESEARCHER), set(), {1, 2, 3}, set()),
        (user(Role.SUBMITTER, 3), set(), {2}, {3}),
        (user(Role.CURATOR, 3), {3}, {2}, {3}),
        (user(Role.ADMIN), {1, 2, 3}, set(), {1, 2, 3}),
    ],
)
def test_each_principal_sees_and_stores_its_own(principal, everything, released, stores):
    scope = scope_of(principal, ALL)
    assert scope.everything == everything
    assert scope.released == released
    assert {each.id for each in ALL.values() if may_store(principal, each)} == stores


def test_unknown_title_is_rejected_beyond_loopback():
    for address, policy in (("10.0.0.9", DoorPolicy(local=True)), ("127.0.0.1", DoorPolicy())):
        with pytest.raises(UnknownPeer):
            identify_caller(Call("X", address), {}, policy)


def test_unknown_title_may_be_let_read():
    found = identify_caller(Call("X", "10.0.0.9"), {}, DoorPolicy(unknown_callers="read")).principal
    assert found.kind is PrincipalKind.ANONYMOUS
    assert not may_serve(found, "store")
    assert may_serve(found, "find")


def entered(**rules) -> dict[str, PeerInfo]:
    return {"M": PeerInfo("M", "10.0.0.9", 1, frozenset(("echo",)), None, PeerRules(**rules))}


def test_known_peer_has_its_services():
    peer = identify_caller(Call("M", "10.0.0.9"), entered(), DoorPolicy()).principal
    assert may_serve(peer, "echo")
    assert not may_serve(peer, "store")


def test_user_sends_for_its_own_site_else_for_the_peers():
    peers = {"M": replace(entered()["M"], site="St. Elsewhere")}
    assert identify_caller(Call("M", "10.0.0.9"), peers, DoorPolicy()).principal.site == "St. Elsewhere"
    call = Call("M", "10.0.0.9", user=("ann", "right"))
    users = {"": USER, "Seattle Grace": replace(USER, site="Seattle Grace")}
    told = {own: identify_caller(call, peers, DoorPolicy(), lambda *_, own=own: users[own]) for own in users}
    assert {own: each.principal.site for own, each in told.items()} == {
        "": "St. Elsewhere", "Seattle Grace": "Seattle Grace",
    }  # fmt: skip


def test_disabled_peer_is_rejected_even_on_loopback():
    with pytest.raises(UnknownPeer):
        identify_caller(Call("M", "127.0.0.1"), entered(enabled=False), DoorPolicy(local=True))


def test_peer_bound_to_its_host_is_rejected_elsewhere():
    peers = entered(check_host=True)
    assert identify_caller(Call("M", "10.0.0.9"), peers, DoorPolicy()).peer is not None
    with pytest.raises(UnknownPeer):
        identify_caller(Call("M", "10.0.0.8"), peers, DoorPolicy())


def test_peer_with_certificate_must_show_it():
    peers = entered(certificate="ab" * 32)
    assert identify_caller(Call("M", "1.2.3.4", "ab" * 32), peers, DoorPolicy()).peer is not None
    for shown in ("", "cd" * 32):
        with pytest.raises(UnknownPeer):
            identify_caller(Call("M", "1.2.3.4", shown), peers, DoorPolicy(local=True))


def test_certificate_names_a_peer_of_another_title():
    found = identify_caller(Call("LAPTOP", "1.2.3.4", "ab" * 32), entered(certificate="ab" * 32), DoorPolicy())
    assert found.principal.name == "M"


def user_of(name: str, passcode: str) -> Principal | None:
    return USER if (name, passcode) == ("ann", "right") else None


USER = Principal(PrincipalKind.USER, "ann", (Grant(Role.RESEARCHER),))


def test_user_identity_counts_more_than_title():
    found = identify_caller(Call("M", "10.0.0.9", user=("ann", "right")), entered(), DoorPolicy(), user_of)
    assert found.as_user
    assert found.principal.name == "ann"
    assert may_serve(found.principal, "find")
    assert not may_serve(found.principal, "store")


def test_wrong_identity_is_nobody_where_one_is_needed():
    for policy, peers in ((DoorPolicy(needs_identity=True), entered()), (DoorPolicy(), entered(needs_identity=True))):
        for user in (None, ("ann", "wrong")):
            with pytest.raises(UnknownUser):
                identify_caller(Call("M", "10.0.0.9", user=user), peers, policy, user_of)


def test_wrong_identity_leaves_the_title_where_none_is_needed():
    found = identify_caller(Call("M", "10.0.0.9", user=("ann", "wrong")), entered(), DoorPolicy(), user_of)
    assert not found.as_user
    assert found.principal.name == "M"


@pytest.mark.parametrize(
    ("address", "host", "expected"),
    [("127.0.0.1", "localhost", True), ("10.0.0.1", "10.0.0.1", True), ("10.0.0.1", "nowhere.invalid", False)],
)
def test_knows_the_addresses_of_a_host(address, host, expected):
    assert is_at(address, host) is expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("10.0.0.1", False), ("x", False)],
)
def test_knows_loopback(address, expected):
    assert is_loopback(address) is expected


@pytest.fixture
def users(database):
    return Users(database)


def basic(name: str, token: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{token}".encode()).decode()


def test_token_identifies_its_user(users):
    users.add("ann", Role.CURATOR, 3)
    users.add("ann", Role.RESEARCHER)
    users.add("ann", Role.RESEARCHER)
    token = users.create_token("ann")
    for header in (f"Bearer {token}", f"bearer  {token}", basic("ann", token)):
        found = identify(users, header, "10.0.0.1", local=False)
        assert found.name == "ann"
        assert set(found.grants) == {Grant(Role.CURATOR, 3), Grant(Role.RESEARCHER, None)}


def test_tokens_are_hashed_at_rest(users, database):
    users.add("ann", Role.ADMIN)
    token = users.create_token("ann")
    assert token not in {row.digest for row in Token.select()}
    assert all(token not in str(row) for row in database.execute_sql("SELECT * FROM token").fetchall())


@pytest.mark.parametrize(
    "header", ["Bearer wrong", "Bearer", "Basic !!!", basic("ann", "wrong"), basic("", ""), "Digest x", "x", "Basic Og"]
)
def test_wrong_credentials_are_never_anonymous(users, header):
    users.add("ann", Role.ADMIN)
    users.create_token("ann")
    with pytest.raises(WrongCredentials):
        identify(users, header, "127.0.0.1", local=True)


def test_token_of_another_user_is_wrong(users):
    users.add("ann", Role.ADMIN)
    users.add("bob", Role.RESEARCHER)
    with pytest.raises(WrongCredentials):
        identify(users, basic("bob", users.create_token("ann")), "127.0.0.1", local=True)


def test_expired_inactive_and_removed_tokens_are_wrong(users):
    users.add("ann", Role.ADMIN)
    token = users.create_token("ann", expires_days=1)
    Token.update(expires_at=datetime.now(UTC) - timedelta(seconds=1)).execute()
    assert users.principal_of(token) is None
    Token.update(expires_at=None).execute()
    assert users.principal_of(token) is not None
    User.update(active=False).execute()
    assert users.principal_of(token) is None
    users.remove("ann")
    assert users.principal_of(token) is None


def test_session_stands_for_its_user_until_it_ends(users):
    users.add("ann", Role.RESEARCHER)
    secret = users.open_session(users.create_token("ann"))
    assert identify(users, None, "10.0.0.1", local=False, session=secret).name == "ann"
    users.end_session(secret)
    assert identify(users, None, "10.0.0.1", local=False, session=secret) == ANONYMOUS
    assert users.open_session("wrong") is None


def test_session_ends_with_its_token(users):
    users.add("ann", Role.RESEARCHER)
    token = users.create_token("ann", expires_days=1)
    soon = datetime.now(UTC) + timedelta(minutes=5)
    Token.update(expires_at=soon).execute()
    secret = users.open_session(token)
    assert {row.expires_at for row in Token.select()} == {soon}
    Token.update(expires_at=datetime.now(UTC) - timedelta(seconds=1)).execute()
    assert users.principal_of(secret) is None
    other = users.create_token("ann")
    users.end_session(other)
    assert users.principal_of(other) is not None, "only sessions end so"


def test_without_credentials_local_or_anonymous(users):
    local = identify(users, None, "127.0.0.1", local=True)
    assert local.kind is PrincipalKind.LOCAL
    assert not may_store(local, INBOX)
    assert identify(users, None, "127.0.0.1", local=False) == ANONYMOUS
    assert identify(users, "", "10.0.0.1", local=True) == ANONYMOUS


def test_refuses_bad_users_and_tokens(users):
    for name in ("", "a b", "x" * 65, "a:b"):
        with pytest.raises(BadRequest):
            users.add(name, Role.ADMIN)
    with pytest.raises(BadRequest):
        users.add("ann", Role.ADMIN, 3)
    with pytest.raises(NotFound):
        users.create_token("nobody")


def test_first_administrator_has_a_private_token_file(users, tmp_path):
    file = tmp_path / "admin-token"
    users.ensure_admin(file)
    users.ensure_admin(file)
    found = users.principal_of(file.read_text())
    assert found is not None
    assert found.grants == (Grant(Role.ADMIN, None),)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if "admin" in path.name] == ["admin-token"]
