"""Signing in with a browser: a token is exchanged for a cookie that its scripts cannot read."""

from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, current_app, g, redirect, request

from pacs.auth.http import SESSION_COOKIE
from pacs.auth.users import SESSION_HOURS
from pacs.web.pages import base_path, page

blueprint = Blueprint("session", __name__)
_MOST_FORM_BYTES = 1 << 16


@blueprint.get("/login")
def login() -> Response:
    """Where a token is asked for."""
    return page("login.html", after=_within(request.args.get("next", "")), wrong=False)


@blueprint.post("/login")
def open_session() -> Response:
    """Take a token; the cookie lasts half a day, no longer than the token."""
    if g.is_foreign():  # somebody else's page would sign its visitor in as whom it likes
        abort(403)
    request.max_content_length = _MOST_FORM_BYTES
    after = _within(request.form.get("next", ""))
    secret = current_app.extensions["pacs_users"].open_session(request.form.get("token", "").strip())
    if secret is None:
        return page("login.html", 401, after=after, wrong=True)
    response = redirect(after, 303)
    response.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=SESSION_HOURS * 3600,
        secure=g.public_root().startswith("https:"),
        httponly=True,
        samesite="Lax",
    )
    return _returned(response)


@blueprint.post("/logout")
def end_session() -> Response:
    """Forget the session, here and in the browser."""
    if g.is_foreign():
        abort(403)
    current_app.extensions["pacs_users"].end_session(request.cookies.get(SESSION_COOKIE, ""))
    response = redirect(f"{base_path()}/", 303)
    response.delete_cookie(SESSION_COOKIE)
    return _returned(response)


def _returned(response: object) -> Response:
    assert isinstance(response, Response)
    response.headers["Cache-Control"] = "no-store"
    return response


def _within(address: str) -> str:
    """A path of ours; anything else is the front page."""
    parts = urlsplit(address)
    inside = address.startswith("/") and not address.startswith(("//", "/\\")) and not (parts.scheme or parts.netloc)
    return address if inside and address.isprintable() else f"{base_path()}/"
