"""``pacs trash``: what curators removed, as long as it can be restored."""

from pathlib import Path

import click

from pacs.cli.options import data_option, json_option, open_data, operator
from pacs.cli.output import print_table
from pacs.curation import trash


@click.group()
def command() -> None:
    """What was removed: list, restore, empty."""


@command.command("list")
@click.option("--collection", default="", help="Only of this collection.")
@data_option
@json_option
def list_trash(collection: str, data: Path, config_file: Path | None, as_json: bool) -> None:
    """What can be restored, oldest first."""
    archive = open_data(data, config_file).archive
    rows = trash.facts(archive, trash.listed(archive, collection=collection))
    print_table(rows, ("id", "collection", "study_uid", "instances", "removed_by", "kept_until"), as_json)


@command.command()
@click.argument("ids", nargs=-1, required=True, type=int)
@data_option
def restore(ids: tuple[int, ...], data: Path, config_file: Path | None) -> None:
    """Bring entries back as they were."""
    archive = open_data(data, config_file).archive
    entries = [trash.one(archive, number) for number in ids]
    count = sum(archive.restore(entry, operator()) for entry in entries)
    click.echo(f"{count} instances restored")


@command.command()
@click.option("--collection", default="", help="Only of this collection.")
@click.option("--older-than", "days", default=0.0, help="Only what was removed so many days ago.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_option
def empty(collection: str, days: float, yes: bool, data: Path, config_file: Path | None) -> None:
    """Delete for good what is in the trash; sealed originals go too. Objects that are sent again stay away."""
    archive = open_data(data, config_file).archive
    entries = trash.older_than(trash.listed(archive, collection=collection), days)
    if entries and not yes:
        click.confirm(f"{sum(each.instance_count for each in entries)} instances will be deleted. Go on?", abort=True)
    click.echo(f"{trash.empty(archive, entries, operator())} instances deleted")
