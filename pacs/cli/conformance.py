"""``pacs conformance``: the DICOM conformance statement."""

from pathlib import Path

import click

from pacs.cli.options import data_option, settings_of


@click.command()
@data_option
def command(data: Path, config_file: Path | None) -> None:
    """Print the DICOM conformance statement for the settings, as Markdown. PS3.2."""
    from pacs.dimse.conformance import statement

    click.echo(statement(settings_of(data, config_file)), nl=False)
