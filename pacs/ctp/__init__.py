"""RSNA CTP's own protocols: HTTP import at ``/ctp/<collection>``, and the verifier that its database verifier asks.

A door like the others: it translates, and holds no rules.
"""

from flask import Flask

from pacs.ctp import http_import


def register(app: Flask) -> None:
    """Add the routes."""
    app.register_blueprint(http_import.blueprint)


__all__ = ["register"]
