"""RSNA CTP's own protocols: HTTP import at ``/ctp/<collection>``, and the verifier that its database verifier asks.

A door like the others: it translates, and holds no rules.
"""

from collections.abc import Mapping
from functools import partial

from flask import Flask

from pacs.ctp import http_import, polled


def register(app: Flask, paths: Mapping[str, str]) -> None:
    """Add the routes, and take what CTP sends to further paths (-> collection)."""
    app.register_blueprint(http_import.blueprint)
    app.register_blueprint(polled.blueprint)
    plain = {path.rstrip("/") or "/": collection for path, collection in paths.items()}
    app.before_request(partial(http_import.at_configured_path, plain))


__all__ = ["register"]
