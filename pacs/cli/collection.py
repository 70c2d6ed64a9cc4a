"""``pacs collection``: what is collected under which rules."""

from dataclasses import asdict
from pathlib import Path

import click

from pacs.app import DEFAULT_PROFILE
from pacs.cli.options import data_option, filter_text, json_option, open_data, operator
from pacs.cli.output import print_facts, print_table
from pacs.curation.cleaning import doubts_of, unknown_private
from pacs.curation.lookup import add_to_lookup, lookup_facts, read_table, replace_lookup
from pacs.curation.mapping import add_mapping, clear_mapping, export_crosswalk, set_names
from pacs.curation.release import release as release_series
from pacs.deid import load_profile
from pacs.errors import BadRequest
from pacs.model import Access, CollectionInfo, Duplicates, Release
from pacs.pipeline.previews import export_preview
from pacs.registry.registry import NewCollection

_RELEASE = click.Choice([each.value for each in Release])
_ACCESS = click.Choice([each.value for each in Access])
_DUPLICATES = click.Choice([each.value for each in Duplicates])


@click.group()
def command() -> None:
    """Collections: create, list, show, set, release, mapping, lookup, names, doubts, preview, crosswalk."""


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
    unknown = unknown_private(app.archive, collection)
    more: dict[str, object] = {"flagged_series": flagged if as_json else len(flagged)}
    more["unknown_private"] = unknown if as_json else sum(unknown.values())
    print_facts(facts_of(collection) | more, as_json)
    if not as_json:
        for row in flagged:
            click.echo(f"  {row['series_uid']}  {row['flags']}")
        for creator, count in sorted(unknown.items()):
            click.echo(f"  {count} removed private elements of {creator or 'creators that nobody has published'}")


@command.command("set")
@click.argument("name")
@click.option("--release", type=_RELEASE)
@click.option("--access", type=_ACCESS)
@click.option("--duplicates", type=_DUPLICATES)
@click.option("--originals")
@click.option("--called-aet")
@click.option("--site")
@click.option("--title")
@click.option("--profile", help="A profile's name; objects that come from now on are treated by it.")
@click.option("--pixels", help="quarantine, clean, detect; empty: as the profile says.")
@click.option("--faces", help="flag, hold, ignore; empty: as the profile says. Faces are removed by `pacs deid` alone.")
@click.option("--documents", help="Encapsulated documents: quarantine, blank; empty: as the profile says.")
@click.option(
    "--commitment", help="Storage commitment: off, published, kept (also what is held). See docs/workstations.md first."
)
@click.option("--tell-senders", help="Whether answers to who stores by STOW-RS name new UIDs: yes, no.")
@click.option(
    "--filter", "import_filter", help="A filter (docs/ctp.md), or a file with one: what passes is let in; empty: all."
)
@click.option("--filter-action", help="What becomes of what does not pass the filter: quarantine, drop.")
@click.option("--trial", help="Trial's name, for the private block that TCIA's tools read.")
@click.option("--site-id", help="Site's number, for the same block.")
@click.option("--words", help="Words that stay in cleaned text, blank separated.")
@data_option
@json_option
def set_collection(name: str, data: Path, config_file: Path | None, as_json: bool, **changes: str | None) -> None:
    """Change settings of a collection. The key stays pinned."""
    given = {key: value for key, value in changes.items() if value is not None}
    if not given:
        raise click.UsageError("name at least one setting to change")
    app = open_data(data, config_file)
    app.check_called_aet(given.get("called_aet", ""))
    before = app.registry.snapshot().collection_named(name)
    if {"import_filter", "profile"} & given.keys():
        profile = load_profile(given.get("profile", before.profile), app.folders.profiles)
        text = filter_text(given.get("import_filter", before.import_filter), profile)
        given |= {"import_filter": text} if "import_filter" in given else {}
    changed = app.registry.set_collection(name, given)
    app.archive.parts.trail.add(operator(), "set collection", name, ", ".join(sorted(given)))
    app.follow_profiles()
    print_facts(facts_of(changed), as_json)


@command.command("mapping")
@click.argument("name")
@click.option("--add", "table", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="CSV to add.")
@click.option("--clear", is_flag=True, help="Remove the table; patients get keyed ids again.")
@data_option
@json_option
def mapping_table(
    name: str, table: Path | None, clear: bool, data: Path, config_file: Path | None, as_json: bool
) -> None:
    """The mapping table of a collection: which new id, name and date shift a patient gets.

    Columns: from_patient_id, to_patient_id, and if wanted to_patient_name, collection_name, site_name, batch_number,
    date_shift (days), diagnosis_date, baseline_date. Once there is a table, objects of patients without a row are held,
    and go on by themselves when the row is added. Shown are new ids only.
    """
    app = open_data(data, config_file)
    collection = app.registry.snapshot().collection_named(name)
    if clear:
        print_facts({"removed": clear_mapping(app.archive, collection, operator())}, as_json)
    elif table is not None:
        count, resumed = add_mapping(app.archive, collection, _read_text(table), operator())
        print_facts({"added": count, "objects that go on": resumed}, as_json)
    else:
        rows = [row._asdict() for row in app.archive.parts.mapping.rows(collection.id)]
        print_table(rows, ("patient_id", "patient_name", "shift_days", "site", "batch"), as_json)


@command.command()
@click.argument("name")
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--add", is_flag=True, help="Add the rows of FILE to the table; else FILE replaces it.")
@data_option
@json_option
def lookup(name: str, file: Path | None, add: bool, data: Path, config_file: Path | None, as_json: bool) -> None:
    """The lookup table of a collection for its CTP script: properties, or CSV (FILE ends in .csv) with key and value.

    It is kept sealed. Objects whose key is missing are held, and go on by themselves when the row is added. Without
    FILE it shows how many rows there are by type of key, and how many objects wait; never a key. An empty FILE ends it.
    """
    app = open_data(data, config_file)
    collection = app.registry.snapshot().collection_named(name)
    if file is None:
        print_facts(lookup_facts(app.archive, collection), as_json)
        return
    rows = read_table(app.archive, collection, _read_text(file), is_csv=file.suffix.lower() == ".csv")
    taken = add_to_lookup if add else replace_lookup
    count, resumed = taken(app.archive, collection, rows, operator())
    print_facts({"added" if add else "rows": count, "objects that go on": resumed}, as_json)


@command.command()
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@data_option
@json_option
def names(name: str, file: Path, data: Path, config_file: Path | None, as_json: bool) -> None:
    """Replace the names that text cleaning removes: one name a line. The list is kept sealed; an empty file ends it."""
    app = open_data(data, config_file)
    collection = app.registry.snapshot().collection_named(name)
    version = set_names(app.archive, collection, _read_text(file).splitlines(), operator())
    print_facts({"collection": name, "names_version": version or "none"}, as_json)


@command.command()
@click.argument("name")
@data_option
@json_option
def doubts(name: str, data: Path, config_file: Path | None, as_json: bool) -> None:
    """Words that cleaning removed only in doubt, with the element. They may be names: reading them is audited."""
    app = open_data(data, config_file)
    collection = app.registry.snapshot().collection_named(name)
    print_table(doubts_of(app.archive, collection, operator()), ("path", "word"), as_json)


@command.command()
@click.argument("name")
@click.argument("uid")
@click.option("--to", "file", required=True, type=click.Path(path_type=Path, dir_okay=False), help="A new PNG file.")
@data_option
def preview(name: str, uid: str, file: Path, data: Path, config_file: Path | None) -> None:
    """Write a picture before/after of an object whose pixels were cleaned or held, with the rectangles.

    UID is its new SOP Instance UID, or its intake id. The original must still be kept. The picture identifies: reading
    it is audited, and the file is for your eyes alone.
    """
    app = open_data(data, config_file)
    collection = app.registry.snapshot().collection_named(name)
    if file.resolve().is_relative_to(app.folders.blobs.resolve()):
        raise BadRequest("the picture must not lie among the de-identified images")
    export_preview(app.archive, collection, uid, file, operator())
    click.echo(str(file))


@command.command()
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@data_option
@json_option
def crosswalk(name: str, folder: Path, data: Path, config_file: Path | None, as_json: bool) -> None:
    """Write uids.csv and patients.csv, old and new identifiers, into FOLDER. It identifies patients, and is audited."""
    app = open_data(data, config_file)
    collection = app.registry.snapshot().collection_named(name)
    if folder.resolve().is_relative_to(app.folders.blobs.resolve()):
        raise BadRequest("the crosswalk must not lie among the de-identified images")
    print_facts(export_crosswalk(app.archive, collection, folder, operator()), as_json)


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest("the file is not UTF-8") from None


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
