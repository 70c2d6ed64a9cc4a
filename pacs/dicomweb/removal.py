"""Removing studies, series and instances, and bringing them back. Not of the standard; only for curators."""

from flask import Blueprint, Response

from pacs.curation import trash
from pacs.dicomweb.door import caller, door, key_of, public_root
from pacs.dicomweb.reply import json_reply
from pacs.errors import NotAllowed
from pacs.model import Principal, PrincipalKind

blueprint = Blueprint("removal", __name__)


@blueprint.delete("/studies/<uid:study>")
@blueprint.delete("/studies/<uid:study>/series/<uid:series>")
@blueprint.delete("/studies/<uid:study>/series/<uid:series>/instances/<uid:sop>")
def remove(study: str, series: str | None = None, sop: str | None = None) -> Response:
    """Into the trash. 404 what the caller does not see, 403 what they see and may not remove."""
    entry = door().archive.remove(key_of(study, series, sop), caller(), "by HTTP")
    return Response(status=204, headers={"Location": f"{public_root()}/trash/{entry.id}"})


@blueprint.get("/trash")
def list_trash() -> Response:
    """What is in the trash of the collections that the caller curates."""
    archive = door().archive
    return _json(list(trash.facts(archive, trash.listed(archive, _user()))))


@blueprint.get("/trash/<int:number>")
def show_entry(number: int) -> Response:
    """One entry."""
    archive = door().archive
    return _json(next(trash.facts(archive, [trash.one(archive, number, _user())])))


@blueprint.post("/trash/<int:number>/restore")
def restore(number: int) -> Response:
    """Bring an entry back; answers with how many instances came."""
    archive, user = door().archive, _user()
    return _json({"restored": archive.restore(trash.one(archive, number, user), user.name)})


@blueprint.delete("/trash/<int:number>")
def purge(number: int) -> Response:
    """Delete an entry for good, before its time."""
    archive, user = door().archive, _user()
    archive.purge(trash.one(archive, number, user), user.name)
    return Response(status=204)


def _user() -> Principal:
    found = caller()
    if found.kind is not PrincipalKind.USER:
        raise NotAllowed("the trash is for curators")
    return found


def _json(content: object) -> Response:
    reply = json_reply(content, media_type="application/json")
    reply.headers["Cache-Control"] = "no-store"
    return reply


@blueprint.route("/workitems", methods=["GET", "POST"])
@blueprint.route("/workitems/<path:_rest>", methods=["GET", "POST", "PUT", "DELETE"])
def workitems(_rest: str = "") -> Response:
    """UPS-RS. PS3.18 11."""
    return json_reply({"error": "Worklists (UPS-RS) are not part of this server."}, 501, "application/json")
