"""``pacs profile``: the rules of de-identification."""

import json
import os
import shutil
from pathlib import Path

import click

from pacs.cli.options import data_option, json_option, open_data, operator, settings_of
from pacs.cli.output import print_facts, print_table
from pacs.deid import load_profile
from pacs.deid.ctp import read_script
from pacs.deid.ctp.conversion import profile_of_script
from pacs.deid.pixels.pixel_script import pixel_script
from pacs.deid.profiles import profile_names
from pacs.deid.profiles.library import PIXEL_SCRIPT_SUFFIX, PRIVATE_TAGS_FILE, SCRIPT_SUFFIXES, shipped_folder
from pacs.deid.profiles.private_tags import read_knowledge_base
from pacs.errors import BadRequest, ProfileError
from pacs.folders import Folders
from pacs.spool.disk import write_durably
from pacs.web.knowledge_base import profile_page, shown_rules

ctp_option = click.option(
    "--ctp",
    type=click.Choice(("safe", "strict")),
    default="safe",
    show_default=True,
    help="The mode in which a CTP script is to be applied.",
)

# A profile that applies a CTP script strictly; CTP leaves pixels alone, and what identifies in them is held.
_STRICTLY = """title = {title}
script = {script}
[settings]
ctp = "strict"
pixels = "detect"
"""


@click.group()
def command() -> None:
    """Profiles: list, show, check, convert, add, versions, import-pixel-script, import-private-tags."""


def _folder(data: Path, config_file: Path | None) -> Path:
    return Folders(settings_of(data, config_file).data).profiles


@command.command("list")
@data_option
@json_option
def list_profiles(data: Path, config_file: Path | None, as_json: bool) -> None:
    """All profiles with their versions, the site's own among them."""
    folder = _folder(data, config_file)
    rows = [_listed(name, folder) for name in profile_names(folder)]
    print_table(rows, ("name", "version", "title"), as_json)


def _listed(name: str, folder: Path) -> dict[str, str]:
    try:
        profile = load_profile(name, folder)
    except ProfileError as error:
        return {"name": name, "version": "-", "title": f"cannot be used by itself: {error}", "options": ""}
    options = ", ".join(profile.options)
    return {"name": profile.name, "version": profile.version, "title": profile.title, "options": options}


@command.command()
@click.argument("name")
@click.option("--html", is_flag=True, help="The page that /knowledge-base/NAME shows.")
@data_option
@json_option
def show(name: str, html: bool, data: Path, config_file: Path | None, as_json: bool) -> None:
    """For each tag of NAME (a profile or a file): the action, why, and who says so."""
    folder = _folder(data, config_file)
    profile = load_profile(name, folder)
    if html:
        click.echo(profile_page(profile, profile_names(folder)))
        return
    rows = [rule._asdict() for rule in shown_rules(profile)]
    print_table(rows, ("tag", "name", "action", "reason", "source"), as_json)


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@ctp_option
@data_option
@json_option
def check(file: Path, ctp: str, data: Path, config_file: Path | None, as_json: bool) -> None:
    """Whether FILE is a valid profile or CTP script; a fault is named with line, key and the nearest valid word."""
    is_profile = file.suffix in (".toml", *SCRIPT_SUFFIXES)
    profile = load_profile(str(file) if is_profile else f"{file}.toml", _folder(data, config_file), ctp)
    facts = {"name": profile.name, "version": profile.version, "rules": len(profile.rules())}
    print_facts(facts | {"options": ", ".join(profile.options) or "none"}, as_json)


@command.command()
@click.argument("script", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--base", default="basic", show_default=True, help="The profile that treats what SCRIPT does not name.")
def convert(script: Path, base: str) -> None:
    """Print SCRIPT, an anonymizer script of RSNA CTP, as a profile (TOML) that does the same in mode safe."""
    click.echo(profile_of_script(read_script(script.read_bytes(), script.name), base), nl=False)


@command.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@ctp_option
@data_option
@json_option
def add(file: Path, ctp: str, data: Path, config_file: Path | None, as_json: bool) -> None:
    """Add FILE to the site's own profiles, or replace the one of its name; a faulty one is not taken.

    With --ctp strict a CTP script comes with a profile beside it, NAME-strict, that applies it strictly: name that one
    for a collection. One that keeps the patient's name or id is taken in no other way.

    Collections with this profile follow at once: objects that come from now on are treated by the new version.
    """
    app = open_data(data, config_file)
    folder = app.folders.profiles
    if (shipped_folder() / f"{file.stem}.toml").exists() or file.suffix not in (".toml", *SCRIPT_SUFFIXES):
        raise BadRequest(
            "a profile file ends in .toml, a CTP script in .script, .xml or .properties; neither must be named like a"
            " profile of the program"
        )
    load_profile(str(file), folder, ctp)
    folder.mkdir(exist_ok=True)
    temporary = folder / f".{file.name}.{os.getpid()}"
    shutil.copyfile(file, temporary)
    temporary.replace(folder / file.name)
    name = file.stem
    if ctp == "strict" and file.suffix in SCRIPT_SUFFIXES:
        name = f"{file.stem}-strict"
        title, script = json.dumps(f"{file.name}, strict"), json.dumps(file.name)  # TOML's texts are written alike
        write_durably(folder / f"{name}.toml", _STRICTLY.format(title=title, script=script).encode())
    profile = load_profile(name, folder)
    app.archive.parts.trail.add(operator(), "add profile", profile.name, profile.version)
    app.follow_profiles()
    print_facts({"name": profile.name, "version": profile.version}, as_json)


@command.command()
@data_option
@json_option
def versions(data: Path, config_file: Path | None, as_json: bool) -> None:
    """Every version of a profile that a collection has used, oldest first."""
    found = open_data(data, config_file).registry.profile_versions()
    rows = [{"name": name, "version": version, "since": since} for name, version, since in found]
    print_table(rows, ("name", "version", "since"), as_json)


@command.command("import-pixel-script")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@data_option
@json_option
def import_pixel_script(file: Path, data: Path, config_file: Path | None, as_json: bool) -> None:
    """Import regions of known devices that are blanked without reading: a pixel script in the format of RSNA CTP.

    It holds for all profiles that clean pixels; one of the same name is replaced.
    """
    text = file.read_text(encoding="utf-8", errors="replace")
    signatures = pixel_script(text, file.name)
    if not signatures:
        raise BadRequest("there is no signature in this file")
    app = open_data(data, config_file)
    folder = app.folders.profiles
    folder.mkdir(exist_ok=True)
    temporary = folder / f".{file.stem}.{os.getpid()}"
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(folder / f"{file.stem}{PIXEL_SCRIPT_SUFFIX}")
    app.archive.parts.trail.add(operator(), "import pixel script", file.stem, f"{len(signatures)} signatures")
    app.follow_profiles()
    print_facts({"name": file.stem, "signatures": len(signatures)}, as_json)


@command.command("import-private-tags")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@data_option
@json_option
def import_private_tags(file: Path, data: Path, config_file: Path | None, as_json: bool) -> None:
    """Import a knowledge base of private elements (CSV) for all profiles that keep safe ones; it replaces the last one.

    Columns: element_sig_pattern, tag_name, vr, private_disposition (d delete, k keep, h hash UID, o offset date, oi
    offset seconds since 1970, na, or blank). Where it names an element of the standard's own safe list, it decides.
    """
    text = file.read_text(encoding="utf-8", errors="replace")
    read = read_knowledge_base(text, f"imported: {file.name}")
    app = open_data(data, config_file)
    folder = app.folders.profiles
    folder.mkdir(exist_ok=True)
    temporary = folder / f".{PRIVATE_TAGS_FILE}.{os.getpid()}"
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(folder / PRIVATE_TAGS_FILE)
    app.archive.parts.trail.add(operator(), "import private tags", file.name, json.dumps(read.counts))
    app.follow_profiles()
    facts = {"rows": read.rows, "elements": len(read.tags.rules), **read.counts, "not understood": len(read.faults)}
    print_facts(facts, as_json)
    for fault in read.faults[:20]:
        click.echo(f"  {fault}", err=True)
