"""Users, grants and tokens. A token is shown once; the database has its SHA-256."""

import hashlib
import os
import re
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from peewee import Database, IntegrityError

from pacs.db.connection import execute
from pacs.db.tables.auth import Grant, Token, User
from pacs.errors import BadRequest, Conflict, NotFound
from pacs.model import Grant as GrantValue
from pacs.model import Principal, PrincipalKind, Role

ADMIN = "admin"
SESSION, SESSION_HOURS = "session", 12
_HOLDER = (
    "SELECT u.name, u.site, t.label, t.expires_at, g.role, g.collection_id"
    ' FROM token t JOIN "user" u ON u.id = t.user_id LEFT JOIN "grant" g ON g.user_id = u.id'
    " WHERE u.active AND t.digest = "
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.@_-]{0,63}")


class Users:
    """The people and programs of one installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, role: Role, collection_id: int | None = None, site: str = "") -> None:
        """Add a user, or give an existing one a further role, and the site that it sends for, when one is named.

        Raises `BadRequest` for a bad name.
        """
        if not _NAME.fullmatch(name):
            raise BadRequest("a user's name has 1 to 64 letters, digits and . @ _ -")
        if role is Role.ADMIN and collection_id is not None:
            raise BadRequest("an admin is admin of everything; leave the collection out")
        with self._database.atomic():
            user = User.get_or_none(User.name == name) or User.create(name=name, created_at=datetime.now(UTC))
            if site:
                User.update(site=site).where(User.name == name).execute()
            wanted = (Grant.user == user) & (Grant.role == role.value)
            wanted &= Grant.collection_id.is_null() if collection_id is None else Grant.collection_id == collection_id
            if Grant.get_or_none(wanted) is None:
                Grant.create(user=user, role=role.value, collection_id=collection_id)

    def all(self) -> list[Principal]:
        """Every active user with its grants, by name."""
        return [_principal(user) for user in User.select().where(User.active).order_by(User.name)]

    def remove(self, name: str) -> None:
        """Remove a user with its tokens. Raises `NotFound`."""
        with self._database.atomic():
            if not User.delete().where(User.name == name).execute():
                raise NotFound("there is no such user")

    def create_token(self, name: str, expires_days: int | None = None, secret: str | None = None) -> str:
        """A new token of a user; this is the only time it can be read. Raises `NotFound`, `BadRequest`."""
        user = User.get_or_none(User.name == name)
        if user is None:
            raise NotFound("there is no such user")
        if expires_days is not None and not 0 < expires_days <= 36500:
            raise BadRequest("a token is valid for 1 to 36500 days")
        token = secret or secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        expires = None if expires_days is None else now + timedelta(days=expires_days)
        try:
            Token.create(user=user, digest=_digest(token), created_at=now, expires_at=expires)
        except IntegrityError:
            raise Conflict("that token exists already") from None
        return token

    def principal_of(self, token: str) -> Principal | None:
        """The user whose valid token this is, or None. A session's secret is no token."""
        return self._holder(token, session=False)

    def principal_of_session(self, secret: str) -> Principal | None:
        """The user who is signed in by that secret, or None."""
        return self._holder(secret, session=True)

    def _holder(self, secret: str, *, session: bool) -> Principal | None:
        """Who holds a valid token or session. Each request asks it: one statement, which peewee need not build."""
        if not secret:
            return None
        text = f"{_HOLDER}{self._database.param} ORDER BY g.id"
        rows = execute(self._database, text, (_digest(secret),)).fetchall()
        if not rows:
            return None
        name, site, label, expires = rows[0][:4]
        if (label == SESSION) != session or (expires and datetime.fromisoformat(expires) <= datetime.now(UTC)):
            return None
        grants = tuple(GrantValue(Role(role), collection_id) for *_, role, collection_id in rows if role is not None)
        return Principal(PrincipalKind.USER, name, grants, site=site)

    def open_session(self, token: str) -> str | None:
        """A secret for a browser's cookie that stands for the user of a valid token for half a day; else None."""
        if self.principal_of(token) is None:
            return None
        row = Token.get(Token.digest == _digest(token))
        now = datetime.now(UTC)
        Token.delete().where((Token.label == SESSION) & (Token.expires_at < now)).execute()
        secret = secrets.token_urlsafe(32)
        ends = now + timedelta(hours=SESSION_HOURS)
        ends = min(ends, row.expires_at) if row.expires_at else ends
        Token.create(user=row.user, digest=_digest(secret), label=SESSION, created_at=now, expires_at=ends)
        return secret

    def end_session(self, secret: str) -> None:
        """Forget a session, if it is one."""
        Token.delete().where((Token.label == SESSION) & (Token.digest == _digest(secret))).execute()

    def by_passcode(self, name: str, token: str) -> Principal | None:
        """The user of that name, when the valid token is this user's; else None."""
        found = self.principal_of(token)
        return found if found is not None and found.name == name else None

    def ensure_admin(self, file: Path) -> None:
        """Make the first administrator with a token in `file` (0600), unless there is an administrator already."""
        if Grant.get_or_none(Grant.role == Role.ADMIN.value) is not None and file.exists():
            return
        self.add(ADMIN, Role.ADMIN)
        secret = secrets.token_urlsafe(32)
        temporary = file.with_name(f".{file.name}.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as sink:
            sink.write(secret)
            sink.flush()
            os.fsync(sink.fileno())
        try:
            os.link(temporary, file)
        except FileExistsError:  # another process started at the same time and was first
            return
        else:
            self.create_token(ADMIN, secret=secret)
        finally:
            temporary.unlink()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _principal(user: User) -> Principal:
    rows = Grant.select().where(Grant.user == user).order_by(Grant.id)
    grants = tuple(GrantValue(Role(grant.role), grant.collection_id) for grant in rows)
    return Principal(PrincipalKind.USER, user.name, grants, site=user.site)
