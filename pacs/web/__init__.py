"""Pages and what operators watch: the portal, health, readiness, metrics.

It shares the Flask app with DICOMweb and holds no rule: what it shows comes from the archive's verbs and from receipts.
"""

from flask import Flask

from pacs.web.health import blueprint as health
from pacs.web.portal import blueprint as portal


def register(app: Flask) -> None:
    """Add the pages to an app."""
    app.register_blueprint(health)
    app.register_blueprint(portal)


__all__ = ["register"]
