"""``pacs token``: secrets that identify users by HTTP."""

from pathlib import Path

import click

from pacs.cli.options import data_option, open_data, operator


@click.group()
def command() -> None:
    """Tokens: create."""


@command.command()
@click.option("--user", required=True)
@click.option("--expires", "expires_days", type=click.IntRange(1, 36500), help="Days until it ends.")
@data_option
def create(user: str, expires_days: int | None, data: Path, config_file: Path | None) -> None:
    """Print a new token; it cannot be read again later."""
    app = open_data(data, config_file)
    token = app.users.create_token(user, expires_days)
    app.archive.parts.trail.add(operator(), "create token", user)
    click.echo(token)
