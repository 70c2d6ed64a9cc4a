"""``pacs config``: the settings in force."""

from dataclasses import asdict
from pathlib import Path

import click

from pacs.cli.options import data_option, json_option, settings_of
from pacs.cli.output import print_json
from pacs.config import SECTIONS


@click.group()
def command() -> None:
    """Settings: show."""


@command.command()
@data_option
@json_option
def show(data: Path, config_file: Path | None, as_json: bool) -> None:
    """Every setting as it counts, after file and environment. A database password is not shown."""
    settings = asdict(settings_of(data, config_file))
    if "@" in settings["storage"]["database"]:
        settings["storage"]["database"] = settings["storage"]["database"].partition("://")[0] + "://..."
    if as_json:
        print_json(settings)
        return
    for section in SECTIONS:
        click.echo(f"[{section}]")
        for key, value in settings[section].items():
            click.echo(f"{key} = {value!r}")
