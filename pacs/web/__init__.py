"""Pages and what operators watch: the portal, the knowledge base, health, readiness, metrics.

It shares the Flask app with DICOMweb and holds no rule: what it shows comes from the archive's verbs and from receipts.
"""

from flask import Flask

from pacs.web.health import blueprint as health
from pacs.web.knowledge_base import blueprint as knowledge_base
from pacs.web.portal import blueprint as portal


def register(app: Flask) -> None:
    """Add the pages to an app."""
    app.register_blueprint(health)
    app.register_blueprint(portal)
    app.register_blueprint(knowledge_base)


__all__ = ["register"]
