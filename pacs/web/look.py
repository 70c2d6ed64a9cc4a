"""``/look``: the built-in quick look. Pages that ask DICOMweb as any viewer does, and show `/rendered` pictures.

For machines without OHIF, for phones, and for a curator's first glance: no WebGL, nothing to install.
"""

from flask import Blueprint, Response, current_app, request

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


def _has_viewer() -> bool:
    return current_app.extensions["pacs_viewer"] is not None
