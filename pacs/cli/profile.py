"""``pacs profile``: the rules of de-identification."""

from pathlib import Path

import click

from pacs.cli.options import data_option, json_option
from pacs.cli.output import print_table
from pacs.deid import load_profile
from pacs.deid.profiles import PROFILES


@click.group()
def command() -> None:
    """Profiles: list, show."""


@command.command("list")
@data_option
@json_option
def list_profiles(data: Path, config_file: Path | None, as_json: bool) -> None:
    """All profiles with their versions."""
    del data, config_file  # profiles are part of the program until sites add their own
    profiles = [load_profile(name) for name in PROFILES]
    rows = [{"name": each.name, "version": each.version, "title": each.title} for each in profiles]
    print_table(rows, ("name", "version", "title"), as_json)


@command.command()
@click.argument("name")
@data_option
@json_option
def show(name: str, data: Path, config_file: Path | None, as_json: bool) -> None:
    """For each tag: the action code, why, and who says so."""
    del data, config_file
    rows = [
        {"tag": rule.match, "action": rule.code, "reason": rule.reason, "source": rule.source}
        for rule in load_profile(name).rules()
    ]
    print_table(rows, ("tag", "action", "reason", "source"), as_json)
