"""HTTP credentials as principals: ``Bearer TOKEN``, or Basic with the user's name and a token as password."""

import base64

from pacs.auth.peers import is_loopback
from pacs.auth.scope import local_principal
from pacs.auth.users import Users
from pacs.errors import NotAllowed
from pacs.model import ANONYMOUS, Principal

SESSION_COOKIE = "pacs_session"


class WrongCredentials(NotAllowed):
    """Credentials were given and are not valid: 401, never anonymous."""


def identify(users: Users, authorization: str | None, address: str, *, local: bool, session: str = "") -> Principal:
    """Who makes a request; `session` is the secret of a browser's cookie, which counts when no header says more.

    Without credentials: `local` from loopback while the server is bound to it, else anonymous; a session that is over
    is no wrong credential, for a browser would send it for ever. Raises `WrongCredentials` for credentials that are
    unknown, expired, of an inactive user, or malformed.
    """
    if not authorization:
        signed_in = users.principal_of_session(session)
        if signed_in is not None:
            return signed_in
        return local_principal("local", dimse=False) if local and is_loopback(address) else ANONYMOUS
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        found = users.principal_of(value.strip())
    elif scheme.lower() == "basic":
        found = users.by_passcode(*_basic(value.strip()))
    else:
        raise WrongCredentials("send a token as Bearer, or as the password of Basic")
    if found is None:
        raise WrongCredentials("the credentials are not valid")
    return found


def _basic(value: str) -> tuple[str, str]:
    try:
        name, separator, token = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except ValueError:  # no Base64, no ASCII, no UTF-8
        raise WrongCredentials("the Basic credentials are malformed") from None
    if not separator:
        raise WrongCredentials("the Basic credentials are malformed")
    return name, token
