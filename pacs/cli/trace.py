"""``pacs trace``: what became of one object."""

from pathlib import Path

import click

from pacs.cli.options import data_option, json_option, open_data
from pacs.cli.output import print_facts, print_json
from pacs.curation.status import is_waiting, receipt_facts, trace
from pacs.errors import NotFound


@click.command()
@click.argument("identifier")
@data_option
@json_option
def command(identifier: str, data: Path, config_file: Path | None, as_json: bool) -> None:
    """Receipts of IDENTIFIER: a UID (instance, series, study; old, new), patient id, accession number or intake id."""
    archive = open_data(data, config_file).archive
    receipts = list(receipt_facts(archive, trace(archive, identifier.strip())))
    if not receipts:
        if not is_waiting(archive, identifier.strip()):
            raise NotFound("nothing is known of that identifier; objects that still wait are found by intake id only")
        receipts = [{"intake_id": identifier.strip(), "state": "waiting"}]
    if as_json:
        print_json(receipts)
        return
    for number, facts in enumerate(receipts):
        if number:
            click.echo()
        print_facts({name: value for name, value in facts.items() if value}, as_json=False)
