"""``/viewer``: OHIF, as `scripts/fetch-viewer` has put it there. Static files, single-page fallback, our app-config.

The policy in `POLICY` lets a page of the viewer talk to this server only: no request of an opened study leaves it.
"""

import hashlib
import json
import re
import sys
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from flask import Blueprint, Response, abort, current_app, request, send_file

from pacs.model import PrincipalKind
from pacs.web.door import caller
from pacs.web.pages import base_path, page

blueprint = Blueprint("viewer", __name__)
BASE = "/viewer/"
_PAGE = "index.html"
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:;"
    " worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; font-src 'self' data:;"
    " connect-src 'self' blob: data:; frame-src 'self' blob:; object-src 'self' blob:; base-uri 'self';"
    " form-action 'self'; frame-ancestors 'self'"
)
_HASHED = re.compile(r"[.\-]?[0-9a-f]{16,}\.")
_ENCODINGS = (("zstd", ".zst"), ("gzip", ".gz"))
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".jsonc": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}


def usual_folder() -> Path:
    """Where the viewer is installed: beside this program."""
    return Path(sys.prefix) / "share" / "trialpacs" / "viewer"


def viewer_folder(configured: str) -> Path | None:
    """Where the viewer's files are: as configured, else beside this program; None when it was never fetched."""
    folder = Path(configured) if configured else usual_folder()
    return folder if (folder / _PAGE).is_file() else None


@blueprint.get("/viewer/", defaults={"path": ""})
@blueprint.get("/viewer/<path:path>")
def viewer(path: str) -> Response:
    """A file of the viewer; any other address is one of its own and gets its page."""
    folder = current_app.extensions["pacs_viewer"]
    if folder is None:
        return page("no_viewer.html", 404)
    if path == "app-config.js":
        sign_in = _sign_in(_prefix()) if caller().kind is not PrincipalKind.USER else ""
        return _made(app_config(_prefix()) + sign_in, "text/javascript")
    if path != _PAGE and path in _files(folder):
        return _sent(folder, path)
    if path != _PAGE and ("." in path.rpartition("/")[2] or ".." in path.split("/")):
        abort(404)
    text = (folder / _PAGE).read_text(encoding="utf-8")
    return _made(text.replace(f'"{BASE}', f'"{_prefix()}{BASE}'), "text/html")


def _prefix() -> str:
    """The path of a proxy below which our addresses stand, fit for HTML and JavaScript; mostly empty."""
    return quote(base_path(), safe="/%~")


def _made(text: str, kind: str) -> Response:
    """What names our addresses, and so depends on how the request came here."""
    response = Response(text, mimetype=kind)
    response.set_etag(hashlib.sha256(text.encode()).hexdigest()[:32])
    response.headers.add("Vary", "X-Forwarded-Prefix")
    response.make_conditional(request)
    return _isolated(response, "no-cache")


@lru_cache(maxsize=2)
def _files(folder: Path) -> frozenset[str]:
    """All files by their path; what a request names is looked up here and never joined to a folder unseen."""
    return frozenset(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def _sent(folder: Path, path: str) -> Response:
    chosen, encoding = path, ""
    for name, suffix in _ENCODINGS:
        if request.accept_encodings.quality(name) > 0 and path + suffix in _files(folder):
            chosen, encoding = path + suffix, name
            break
    kind = _TYPES.get(Path(path).suffix, "application/octet-stream")
    response = send_file(folder / chosen, mimetype=kind, conditional=True, etag=True, max_age=None)
    if encoding:
        response.headers["Content-Encoding"] = encoding
    response.headers.add("Vary", "Accept-Encoding")
    return _isolated(response, "public, max-age=31536000, immutable" if _HASHED.search(path) else "no-cache")


def _isolated(response: Response, caching: str) -> Response:
    """Headers that its workers need to share memory, and that keep it from talking to anybody else."""
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Cross-Origin-Embedder-Policy"] = "require-corp"
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = caching
    return response


def app_config(prefix: str = "") -> str:
    """The viewer's settings. Roots are paths below `prefix`, so that they are right under any host name and proxy.

    Options by measurement (2026-11, Chromium): thumbnails as pictures of the server, not decoded in the browser.
    """
    source = {
        "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
        "sourceName": "archive",
        "configuration": {
            "friendlyName": "TrialPACS",
            "name": "TrialPACS",
            "qidoRoot": f"{prefix}/dicom-web",
            "wadoRoot": f"{prefix}/dicom-web",
            "wadoUriRoot": f"{prefix}/wado",
            "qidoSupportsIncludeField": True,
            "supportsFuzzyMatching": True,
            "supportsWildcard": True,
            "imageRendering": "wadors",
            "thumbnailRendering": "thumbnailDirect",
            "enableStudyLazyLoad": True,
            "dicomUploadEnabled": False,
            "omitQuotationForMultipartRequest": True,
            "bulkDataURI": {"enabled": True, "relativeResolution": "studies"},
        },
    }
    config = {
        "routerBasename": prefix + BASE,
        "extensions": [],
        "modes": [],
        "customizationService": {"ohif.tours": {"$set": []}},
        "showStudyList": True,
        "maxNumberOfWebWorkers": 3,
        "maxNumRequests": {"interaction": 100, "thumbnail": 20, "prefetch": 25},
        "showWarningMessageForCrossOrigin": False,
        "showCPUFallbackMessage": True,
        "showLoadingIndicator": True,
        "strictZSpacingForVolumeViewport": True,
        "investigationalUseDialog": {"option": "never"},
        "defaultDataSourceName": "archive",
        "dataSources": [source],
    }
    return f"window.config = {json.dumps(config, indent=2)};\n"


def _sign_in(prefix: str) -> str:
    """What sends somebody who is not signed in and opens a study that is not there for them to sign in, and back.

    Why the page asks and not we: a link on another site does not show whether its requests will be local.
    """
    return f"""
(async () => {{
  const study = new URLSearchParams(location.search).get("StudyInstanceUIDs");
  if (!study) return;
  const reply = await fetch("{prefix}/dicom-web/studies?limit=1&StudyInstanceUID=" + encodeURIComponent(study));
  if (!reply.ok || (reply.status === 200 && (await reply.json()).length)) return;
  location.replace("{prefix}/login?next=" + encodeURIComponent(location.pathname + location.search));
}})().catch(() => {{}});
"""
