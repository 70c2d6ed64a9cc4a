"""Pages and what operators watch: the portal, viewers, signing in, the knowledge base, health, readiness, metrics.

It shares the Flask app with DICOMweb and holds no rule: what it shows comes from the archive's verbs and from receipts.
"""

from flask import Flask

from pacs.web.analyses import blueprint as analyses
from pacs.web.health import blueprint as health
from pacs.web.kits import blueprint as kits
from pacs.web.knowledge_base import blueprint as knowledge_base
from pacs.web.look import blueprint as look
from pacs.web.lookup import blueprint as lookup
from pacs.web.pages import blueprint as pages
from pacs.web.portal import blueprint as portal
from pacs.web.session import blueprint as session
from pacs.web.submission_api import blueprint as submission_api
from pacs.web.submissions_page import blueprint as submissions_page
from pacs.web.upload import blueprint as upload
from pacs.web.viewer import blueprint as viewer


def register(app: Flask) -> None:
    """Add the pages to an app."""
    for blueprint in (
        analyses,
        health,
        portal,
        kits,
        knowledge_base,
        look,
        lookup,
        pages,
        session,
        submission_api,
        submissions_page,
        upload,
        viewer,
    ):
        app.register_blueprint(blueprint)


__all__ = ["register"]
