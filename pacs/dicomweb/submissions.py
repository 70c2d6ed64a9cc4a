"""What became of the objects of one store request, for whoever sent it and for curators. Not of the standard."""

from flask import Blueprint, Response

from pacs.curation.submission import submission
from pacs.dicomweb.door import caller, door
from pacs.dicomweb.reply import json_reply

blueprint = Blueprint("submissions", __name__)


@blueprint.get("/submissions/<number>")
def show_submission(number: str) -> Response:
    """States by intake id and new UIDs. Somebody else's looks like one that never was."""
    reply = json_reply(submission(door().archive, caller(), number).as_json(), media_type="application/json")
    reply.headers["Cache-Control"] = "no-store"
    return reply
