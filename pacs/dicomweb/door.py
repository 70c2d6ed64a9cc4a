"""What the handlers of a request need: the archive, who is calling, and the address that answers are made of."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app, g, request

from pacs.archive import Archive
from pacs.auth.http import SESSION_COOKIE
from pacs.model import InstanceKey, Principal, PrincipalKind

PATH = "/dicom-web"
_HOST = re.compile(r"(?:[A-Za-z0-9.\-_]+|\[[0-9A-Fa-f:.]+\])(?P<port>:[0-9]{1,5})?")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_USUAL_PORTS = {"http": "80", "https": "443"}
_PREFIX = re.compile(r"(/(?!\.\.?(/|$))[A-Za-z0-9._~\-]+)+")
# Whoever passes one of these on is a proxy: its own address says nothing about the caller.
_FORWARDED = tuple(f"X-Forwarded-{name}" for name in ("For", "Host", "Port", "Prefix", "Proto", "Server"))
_PROXY_HEADERS = ("Forwarded", *_FORWARDED, "X-Real-IP", "Via")

Identify = Callable[[str | None, str, str], Principal]


@dataclass(frozen=True, slots=True)
class WebDoor:
    """One archive as the web sees it. `identify` takes Authorization header, session and caller's address."""

    archive: Archive
    identify: Identify
    node: str = "node1"
    public_root: str = ""
    max_body_bytes: int = 8 * 1024**3
    search_limit_s: float = 60.0


def door() -> WebDoor:
    """The door of the app that handles this request."""
    found: WebDoor = current_app.extensions["pacs"]
    return found


def caller() -> Principal:
    """Who makes this request. Raises `NotAllowed` for wrong credentials."""
    if "principal" not in g:
        authorization = request.headers.get("Authorization")
        g.has_credentials = False
        g.principal = door().identify(authorization, _session(), caller_address())
        g.has_credentials = g.principal.kind is PrincipalKind.USER
    found: Principal = g.principal
    return found


def _session() -> str:
    """The session's secret, unless a page from elsewhere makes a request that changes something."""
    if request.method not in ("GET", "HEAD", "OPTIONS") and is_foreign():
        return ""
    return request.cookies.get(SESSION_COOKIE, "")


def is_foreign() -> bool:
    """Whether a page that is not ours makes this request: as the browser says, else by the page's origin."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is not None and not public_root().startswith(f"{origin}/")


def caller_address() -> str:
    """The caller's address; empty behind a proxy, and for what a page of another site makes a browser ask for.

    So nobody is `local` through a proxy, and no page out there reads the archive of the machine that it is shown on.
    """
    if _is_proxied() or request.headers.get("Sec-Fetch-Site") == "cross-site":
        return ""
    return request.remote_addr or ""


def public_root() -> str:
    """The service root as the caller reaches it: the setting, else Forwarded or X-Forwarded-*, else the request's."""
    configured = door().public_root.rstrip("/")
    if configured:
        return configured + PATH
    headers = request.headers
    forwarded = _forwarded(headers.get("Forwarded", ""))
    scheme = (forwarded.get("proto") or _first(headers.get("X-Forwarded-Proto", "")) or request.scheme).lower()
    scheme = scheme if scheme in _USUAL_PORTS else "http"
    host = forwarded.get("host") or _first(headers.get("X-Forwarded-Host", "")) or request.host
    named = _HOST.fullmatch(host)
    if named is None or not named["port"]:
        host = (host if named else "localhost") + (_proxys_port(scheme) if _is_proxied() else _own_port())
    prefix = headers.get("X-Forwarded-Prefix", "").rstrip("/")
    return f"{scheme}://{host}{prefix if _PREFIX.fullmatch(prefix) else ''}{PATH}"


def _is_proxied() -> bool:
    return any(name in request.headers for name in _PROXY_HEADERS)


def _proxys_port(scheme: str) -> str:
    """The port that a proxy listens at, where it is not the scheme's own."""
    port = _first(request.headers.get("X-Forwarded-Port", ""))
    return f":{port}" if _PORT.fullmatch(port) and port != _USUAL_PORTS[scheme] else ""


def _own_port() -> str:
    """Our port for callers that leave it out of the Host header (dicomweb-client does)."""
    connection = request.environ.get("gunicorn.socket")  # gunicorn takes SERVER_PORT from the Host header
    port = connection.getsockname()[1] if connection is not None else 80
    return f":{port}" if port not in (80, 443) else ""


def _first(text: str) -> str:
    return text.partition(",")[0].strip()


def _forwarded(text: str) -> dict[str, str]:
    """The first element of a Forwarded header. RFC 7239."""
    pairs = (pair.partition("=") for pair in _first(text).split(";"))
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def key_of(study: str, series: str | None = None, sop: str | None = None) -> InstanceKey:
    """The key of the resource, in the collection that ``?collection=`` names."""
    return InstanceKey(study, series, sop, request.args.get("collection") or None)


def url_of(root: str, study: str, series: str | None = None, sop: str | None = None) -> str:
    """The address of a study, series or instance."""
    text = f"{root}/studies/{study}"
    if series:
        text += f"/series/{series}"
    return f"{text}/instances/{sop}" if sop else text
