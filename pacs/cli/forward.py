"""``pacs forward``: rules that send what is released."""

from pathlib import Path

import click

from pacs.cli.options import data_option, filter_text, json_option, open_data, operator
from pacs.cli.output import print_table
from pacs.deid import load_profile


@click.group()
def command() -> None:
    """Forwarding rules: on release, send to a peer. add, list, remove."""


@command.command()
@click.argument("collection")
@click.argument("aet")
@click.option("--filter", "send_filter", default="", help="A filter (docs/ctp.md), or a file with one.")
@data_option
def add(collection: str, aet: str, send_filter: str, data: Path, config_file: Path | None) -> None:
    """Send each series of COLLECTION to the peer (or service, see `pacs remote`) AET once it is released.

    With a filter, only its instances that pass; it is asked about the de-identified instance.
    """
    app = open_data(data, config_file)
    wanted = app.registry.snapshot().collection_named(collection)
    send_filter = filter_text(send_filter, load_profile(wanted.profile, app.folders.profiles))
    app.registry.add_forward(collection, aet, is_peer=not app.remotes.has(aet.strip()), send_filter=send_filter)
    app.archive.parts.trail.add(operator(), "add forward", f"{collection} {aet}")


@command.command("list")
@data_option
@json_option
def list_forwards(data: Path, config_file: Path | None, as_json: bool) -> None:
    """All rules."""
    snapshot = open_data(data, config_file).registry.snapshot()
    rows = [
        {"collection": snapshot.collections[each].name, "aet": aet, "filter": send_filter}
        for each in snapshot.order
        for aet, send_filter in snapshot.forwards.get(each, {}).items()
    ]
    print_table(rows, ("collection", "aet", "filter"), as_json)


@command.command()
@click.argument("collection")
@click.argument("aet")
@data_option
def remove(collection: str, aet: str, data: Path, config_file: Path | None) -> None:
    """Forget a rule; what is queued already is still sent."""
    app = open_data(data, config_file)
    app.registry.remove_forward(collection, aet)
    app.archive.parts.trail.add(operator(), "remove forward", f"{collection} {aet}")
