"""``pacs remote``: HTTP services as those of RSNA CTP, which objects go to or come from."""

from pathlib import Path
from typing import TextIO

import click

from pacs.app import App
from pacs.cli.options import data_option, json_option, open_data, operator
from pacs.cli.output import print_facts, print_table
from pacs.errors import BadRequest
from pacs.jobs.queue import WAITING
from pacs.jobs.sending import SEND
from pacs.vault import Remote


@click.group()
def command() -> None:
    """HTTP services of others (RSNA CTP): add, list, start, remove."""


@command.command()
@click.argument("name")
@click.argument("url", default="")
@click.option("--user", default="", help="User name; the password is asked for.")
@click.option("--password-file", type=click.File("r"), help="Read the password from here; - is standard input.")
@click.option("--digest", is_flag=True, help="Send each object's MD5 in a header Digest.")
@click.option("--poll", "collection", default="", help="Ask there every 10 s for objects for this collection.")
@click.option("--address", default="", help="A queue: who calls from this address may empty it without credentials.")
@data_option
@json_option
def add(
    name: str,
    url: str,
    user: str,
    password_file: TextIO | None,
    digest: bool,
    collection: str,
    address: str,
    data: Path,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Add an HTTP import service at URL, or replace the one of that name; `pacs forward add` sends there.

    With --poll objects come from there: from a service that serves its queue. Without URL it is a queue here, which the
    --user (of ours, with a token) or --address empties at /ctp/COLLECTION/queue. All of it is kept sealed in the vault.
    """
    app = open_data(data, config_file)
    if name in app.registry.snapshot().peers:
        raise BadRequest("a peer of that name is there already")
    if collection:
        app.registry.snapshot().collection_named(collection)
        if not url:
            raise BadRequest("say which address to poll")
    password = ""
    if user and url:
        password = password_file.read().strip() if password_file else click.prompt("Password", hide_input=True)
    remote = Remote(name, url, user, password, digest, collection, address=address)
    app.remotes.add(remote)
    app.archive.parts.trail.add(operator(), "add remote", name, remote.kind)
    _hasten(app, name)
    print_facts(_facts(remote), as_json)


@command.command("list")
@data_option
@json_option
def list_remotes(data: Path, config_file: Path | None, as_json: bool) -> None:
    """All services; one that refused our credentials is stopped."""
    rows = [_facts(each) for each in open_data(data, config_file).remotes.all()]
    print_table(rows, ("name", "kind", "url", "collection", "stopped"), as_json)


@command.command()
@click.argument("name")
@data_option
def start(name: str, data: Path, config_file: Path | None) -> None:
    """Go on with a service that was stopped, now."""
    app = open_data(data, config_file)
    app.remotes.set_stopped(name, stopped=False)
    _hasten(app, name)
    app.archive.parts.trail.add(operator(), "start remote", name)


@command.command()
@click.argument("name")
@data_option
def remove(name: str, data: Path, config_file: Path | None) -> None:
    """Forget a service."""
    app = open_data(data, config_file)
    app.remotes.remove(name)
    app.archive.parts.trail.add(operator(), "remove remote", name)


def _hasten(app: App, name: str) -> None:
    """What waits for the service is tried now."""
    jobs = app.archive.parts.jobs
    waiting = [each for each in jobs.all([SEND]) if each.state == WAITING and each.arguments.get("aet") == name]
    jobs.hasten(each.id for each in waiting)


def _facts(remote: Remote) -> dict[str, object]:
    return {
        "name": remote.name,
        "kind": remote.kind,
        "url": remote.url,
        "collection": remote.collection,
        "stopped": remote.stopped,
    }
