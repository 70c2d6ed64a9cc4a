"""``/``: what the caller may see, by collection, and where the services are."""

from flask import Blueprint, Response, current_app, g

from pacs.auth import is_curator_of, scope_of
from pacs.web.door import archive
from pacs.web.pages import page

blueprint = Blueprint("portal", __name__)


@blueprint.get("/")
def portal() -> Response:
    """The collections that the caller sees something of."""
    snapshot = archive().registry.snapshot()
    scope = scope_of(g.identify(), snapshot.collections)
    visible = [snapshot.collections[each] for each in snapshot.order if each in scope.everything | scope.released]
    has_viewer = current_app.extensions["pacs_viewer"] is not None
    curated = {each.id for each in visible if is_curator_of(g.identify(), each.id)}
    return page(
        "portal.html",
        curated=curated,
        name=g.identify().name,
        collections=visible,
        root=g.public_root(),
        viewer=has_viewer,
    )
