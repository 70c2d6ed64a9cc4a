"""``pacs collection``: what is collected under which rules."""

from dataclasses import asdict
from pathlib import Path

import click

from pacs.app import DEFAULT_PROFILE
from pacs.cli.options import data_option, json_option, open_data, operator
from pacs.cli.output import print_facts, print_table
from pacs.curation.release import release as release_series
from pacs.model import Access, CollectionInfo, Duplicates, Release
from pacs.registry.registry import NewCollection

_RELEASE = click.Choice([each.value for each in Release])
_ACCESS = click.Choice([each.value for each in Access])
_DUPLICATES = click.Choice([each.value for each in Duplicates])


@click.group()
def command() -> None:
    """Collections: create, list, show, set, release."""


@command.command()
@click.argument("name")
@click.option("--profile", default=DEFAULT_PROFILE, show_default=True)
@click.option("--release", type=_RELEASE, default=Release.REVIEW.value, show_default=True)
@click.option("--access", type=_ACCESS, default=Access.RESTRICTED.value, show_default=True)
@click.option("--duplicates", type=_DUPLICATES, default=Duplicates.KEEP_FIRST.value, show_default=True)
@click.option("--originals", default="until-release", show_default=True, help="discard, until-release, days:N, forever")
@click.option("--called-aet", default="", help="AE title that senders call to feed this collection.")
@click.option("--site", default="", help="Site whose patient ids these are.")
@click.option("--title", default="")
@data_option
@json_option
def create(
    name: str,
    profile: str,
    release: str,
    access: str,
    duplicates: str,
    originals: str,
    called_aet: str,
    site: str,
    title: str,
    data: Path,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Make a collection."""
    new = NewCollection(
        name=name,
        profile=profile,
        profile_version="",
        key_id=0,
        title=title,
        release=Release(release),
        access=Access(access),
        called_aet=called_aet,
        site=site,
        duplicates=Duplicates(duplicates),
        originals=originals,
    )
    print_facts(facts_of(open_data(data, config_file).create_collection(new)), as_json)


@command.command("list")
@data_option
@json_option
def list_collections(data: Path, config_file: Path | None, as_json: bool) -> None:
    """All collections, in the order in which they answer."""
    snapshot = open_data(data, config_file).registry.snapshot()
    rows = [facts_of(snapshot.collections[each]) for each in snapshot.order]
    print_table(rows, ("name", "profile", "release", "access", "called_aet", "title"), as_json)


@command.command()
@click.argument("name")
@data_option
@json_option
def show(name: str, data: Path, config_file: Path | None, as_json: bool) -> None:
    """One collection, with the series that series stages flagged for a curator."""
    app = open_data(data, config_file)
    collection = app.registry.snapshot().collection_named(name)
    flagged = [{"series_uid": uid, "flags": flags} for uid, flags in app.archive.parts.index.flagged(collection.id)]
    print_facts(facts_of(collection) | {"flagged_series": flagged if as_json else len(flagged)}, as_json)
    if not as_json:
        for row in flagged:
            click.echo(f"  {row['series_uid']}  {row['flags']}")


@command.command("set")
@click.argument("name")
@click.option("--release", type=_RELEASE)
@click.option("--access", type=_ACCESS)
@click.option("--duplicates", type=_DUPLICATES)
@click.option("--originals")
@click.option("--called-aet")
@click.option("--site")
@click.option("--title")
@data_option
@json_option
def set_collection(name: str, data: Path, config_file: Path | None, as_json: bool, **changes: str | None) -> None:
    """Change settings of a collection. The profile's version and the key stay pinned."""
    given = {key: value for key, value in changes.items() if value is not None}
    if not given:
        raise click.UsageError("name at least one setting to change")
    app = open_data(data, config_file)
    app.check_called_aet(given.get("called_aet", ""))
    changed = app.registry.set_collection(name, given)
    app.archive.parts.trail.add(operator(), "set collection", name, ", ".join(sorted(given)))
    print_facts(facts_of(changed), as_json)


@command.command()
@click.argument("name")
@click.option("--series", "series_uid", help="Only this series (new UID).")
@data_option
def release(name: str, series_uid: str | None, data: Path, config_file: Path | None) -> None:
    """Show reviewed series to readers."""
    count = release_series(open_data(data, config_file).archive, name, series_uid, operator())
    click.echo(f"{count} series released")


def facts_of(collection: CollectionInfo) -> dict[str, object]:
    """What a curator needs to know of a collection."""
    return asdict(collection)
