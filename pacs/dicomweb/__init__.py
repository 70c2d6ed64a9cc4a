"""DICOMweb: QIDO-RS, WADO-RS and STOW-RS under ``/dicom-web``. PS3.18.

A door: it turns requests into the archive's verbs and their answers into JSON and multipart, and holds no rule about
patients or collections. `register(app, door)` adds it to a Flask app. Original UIDs never stand in an address or a log
line that it makes, and no answer repeats a value that was asked for.

Why our own multipart reader (2026-11): a part must go to disk as it arrives, in the wall; Flask's parser knows form
data only and would write its own temporary files.
"""

from flask import Flask
from werkzeug.routing import BaseConverter

from pacs.dicomweb import (
    bulk_data,
    capabilities,
    frames,
    metadata,
    openapi,
    qido,
    removal,
    rendered,
    stow,
    submissions,
    wado,
    wado_uri,
)
from pacs.dicomweb.door import PATH, WebDoor
from pacs.dicomweb.problems import register_problems


class UidConverter(BaseConverter):
    """A UID in a path; anything else is no address. PS3.5 9.1."""

    regex = r"(?![0-9.]{65})[0-9]+(?:\.[0-9]+)*"


def register(app: Flask, door: WebDoor) -> None:
    """Add DICOMweb, and how errors are told, to an app."""
    app.url_map.converters["uid"] = UidConverter
    app.extensions["pacs"] = door
    for blueprint in (
        capabilities.blueprint,
        qido.blueprint,
        metadata.blueprint,
        wado.blueprint,
        frames.blueprint,
        bulk_data.blueprint,
        rendered.blueprint,
        wado_uri.blueprint,
        stow.blueprint,
        removal.blueprint,
        submissions.blueprint,
    ):
        app.register_blueprint(blueprint, url_prefix=PATH)
    app.register_blueprint(openapi.blueprint)
    app.register_blueprint(wado_uri.blueprint, name="wado_uri_at_root")
    register_problems(app)


__all__ = ["WebDoor", "register"]
