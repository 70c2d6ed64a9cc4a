"""``pacs send``: stored objects to a peer."""

import threading
import time
from pathlib import Path

import click

from pacs.app import App, job_handlers
from pacs.cli.options import data_option, json_option, open_data, operator
from pacs.cli.output import print_facts
from pacs.errors import BadRequest, NotFound, PacsError
from pacs.jobs.queue import DONE, FAILED, WAITING
from pacs.jobs.runner import run_one
from pacs.jobs.sending import SEND, Sending
from pacs.model import Level, PeerInfo, Principal, PrincipalKind
from pacs.query import Exact, Match, Query

_POLL_S = 0.2


@click.command()
@click.option("--to", "aet", required=True, help="Receiver; see `pacs peer`, `pacs remote`.")
@click.option("--study", "study_uid", default="", help="Study Instance UID (new).")
@click.option("--series", "series_uid", default="", help="Series Instance UID (new).")
@click.option("--collection", default="", help="Everything that is released in a collection.")
@click.option("--background", is_flag=True, help="Leave it to the server; `pacs jobs list` shows how it goes.")
@data_option
@json_option
def command(
    aet: str,
    study_uid: str,
    series_uid: str,
    collection: str,
    background: bool,
    data: Path,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Send released objects to a peer or service: a study, a series or a collection.

    It is a job: what is interrupted, or meets a receiver that is away, goes on later from where it was, by the server
    or with `pacs jobs retry`. Objects go as they are stored; compressed ones are decompressed for a receiver that does
    not take them. Exit status 1 when something could not be sent.
    """
    if not (study_uid or series_uid or collection):
        raise BadRequest("say what to send: --study, --series or --collection")
    app = open_data(data, config_file)
    snapshot = app.registry.snapshot()
    is_service = app.remotes.has(aet.strip())
    if not is_service and aet.strip() not in snapshot.peers:
        raise NotFound(f"there is no peer {aet!r}")
    if collection:
        snapshot.collection_named(collection)
    sending = Sending(aet.strip(), study_uid.strip(), series_uid.strip(), collection)
    _check_there_is_something(app, None if is_service else snapshot.peers[sending.aet], sending)
    jobs = app.archive.parts.jobs
    job_id = jobs.add(SEND, sending.arguments())
    app.archive.parts.trail.add(operator(), "send", aet.strip(), study_uid or series_uid or collection)
    if not background:
        _work_off(app, job_id)
    view = jobs.get(job_id)
    print_facts({"job": job_id, "state": view.state, "note": view.note or "queued"}, as_json)
    if not background and view.state != DONE:
        raise PacsError("not everything was sent")


def _check_there_is_something(app: App, peer: PeerInfo | None, sending: Sending) -> None:
    """Before anything is written down: a UID that was typed may be an original one, and stays inside the wall."""
    named = {"StudyInstanceUID": sending.study_uid, "SeriesInstanceUID": sending.series_uid}
    matches = tuple(Match(keyword, Exact((uid,))) for keyword, uid in named.items() if uid)
    receiver = Principal(PrincipalKind.PEER, sending.aet, collections=peer.collection_ids if peer else None)
    query = Query(Level.SERIES, matches, collection=sending.collection or None, limit=1)
    if not list(app.archive.find(query, receiver)):
        raise NotFound("nothing of it is released, and visible to the receiver; UIDs are the new ones")


def _work_off(app: App, job_id: int) -> None:
    """Do the job here, unless the server has taken it already; wait until this attempt has ended."""
    jobs, database = app.archive.parts.jobs, app.archive.parts.database
    claimed = jobs.claim([SEND], job_id)
    if claimed is not None:
        run_one(jobs, claimed, job_handlers(app)[SEND], threading.Event(), database)
        return
    while (view := jobs.get(job_id)).state not in (DONE, FAILED) and not (view.state == WAITING and view.attempts):
        time.sleep(_POLL_S)
