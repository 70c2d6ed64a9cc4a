"""``pacs status``: what became of all accepted objects."""

from pathlib import Path

import click

from pacs.cli.options import data_option, json_option, open_data
from pacs.cli.output import print_facts, print_table
from pacs.curation.status import sender_counts, status_json


@click.command()
@click.option("--by-sender", is_flag=True, help="A row for each sender, study (new UID) and state instead.")
@data_option
@json_option
def command(by_sender: bool, data: Path, config_file: Path | None, as_json: bool) -> None:
    """Counts of accepted objects: waiting, held, published, duplicate, quarantined, dropped."""
    archive = open_data(data, config_file).archive
    if not by_sender:
        counts = status_json(archive)
        removed = archive.parts.trash.buried_count()
        more = {"removed since": removed, "left in watched folders": archive.parts.spool.left.count()}
        # `--json` stays what scripts know: what was published counts as such, for the sum to be all that was accepted.
        print_facts(counts if as_json else counts | {name: each for name, each in more.items() if each}, as_json)
        return
    columns = ("sender", "study_uid", "state", "objects")
    rows = [dict(zip(columns, each, strict=True)) for each in sender_counts(archive)]
    print_table(rows, columns, as_json)
