"""``/look``: the built-in quick look. Pages that ask DICOMweb as any viewer does, and show `/rendered` pictures.

For machines without OHIF, for phones, and for a curator's first glance: no WebGL, nothing to install.
"""

import hashlib
from functools import cache

import orjson
from flask import Blueprint, Response, current_app, request

from pacs.dicom.dictionary import KEYWORD_OF
from pacs.web.pages import page

blueprint = Blueprint("look", __name__)


@blueprint.get("/look")
def studies() -> Response:
    """The study list. ``?collection=`` narrows it; the page asks QIDO-RS for what the caller may see."""
    return page("look_studies.html", collection=request.args.get("collection", "")[:64], viewer=_has_viewer())


@blueprint.get("/look/<uid:study>")
def study(study: str) -> Response:
    """One study: series strip, pictures, tags. Whether it exists, and for whom, the page learns from DICOMweb."""
    collection = request.args.get("collection", "")[:64]
    return page("look_study.html", study=study, collection=collection, viewer=_has_viewer())


@blueprint.get("/look/keywords.json")
def keywords() -> Response:
    """The keyword of every public tag, as eight hexadecimal digits. PS3.6."""
    content, etag = _keywords()
    response = Response(content, mimetype="application/json")
    response.set_etag(etag)
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


@cache
def _keywords() -> tuple[bytes, str]:
    content = orjson.dumps({f"{tag:08X}": keyword for tag, keyword in KEYWORD_OF.items() if keyword})
    return content, hashlib.sha256(content).hexdigest()[:32]


def _has_viewer() -> bool:
    return current_app.extensions["pacs_viewer"] is not None
