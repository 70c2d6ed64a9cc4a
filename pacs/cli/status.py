"""``pacs status``: what became of all accepted objects."""

from pathlib import Path

import click

from pacs.cli.options import data_option, json_option, open_data
from pacs.cli.output import print_facts
from pacs.curation.status import status_json


@click.command()
@data_option
@json_option
def command(data: Path, config_file: Path | None, as_json: bool) -> None:
    """Counts of accepted objects: waiting, held, published, duplicate, quarantined, dropped."""
    print_facts(status_json(open_data(data, config_file).archive), as_json)
