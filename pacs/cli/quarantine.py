"""``pacs quarantine``: objects that somebody must look at."""

import json
from pathlib import Path

import click

from pacs.cli.options import data_option, json_option, open_data, operator
from pacs.cli.output import print_facts, print_table
from pacs.curation import quarantine
from pacs.curation.status import receipt_facts


@click.group()
def command() -> None:
    """Held and quarantined objects: list, show, retry, export, discard."""


@command.command("list")
@data_option
@json_option
def list_quarantine(data: Path, config_file: Path | None, as_json: bool) -> None:
    """All of them, oldest first."""
    archive = open_data(data, config_file).archive
    rows = receipt_facts(archive, quarantine.listed(archive))
    print_table(rows, ("intake_id", "state", "collection", "sender", "reason"), as_json)


@command.command()
@click.argument("intake_id")
@data_option
@json_option
def show(intake_id: str, data: Path, config_file: Path | None, as_json: bool) -> None:
    """One object: its receipt, and what was found where."""
    archive = open_data(data, config_file).archive
    facts = next(receipt_facts(archive, [quarantine.one(archive, intake_id)]))
    findings = json.loads(str(facts.pop("findings") or "[]"))
    print_facts(facts | ({"findings": findings} if as_json else {}), as_json)
    if not as_json:
        for finding in findings:
            click.echo(f"  {finding['path']}  {finding['rule']}  {finding['detail']}".rstrip())


@command.command()
@click.argument("intake_ids", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Everything that is held or quarantined.")
@data_option
def retry(intake_ids: tuple[str, ...], every: bool, data: Path, config_file: Path | None) -> None:
    """Put objects back in line."""
    if every == bool(intake_ids):
        raise click.UsageError("name intake ids, or say --all")
    archive = open_data(data, config_file).archive
    wanted = [receipt.intake_id for receipt in quarantine.listed(archive)] if every else list(intake_ids)
    for intake_id in wanted:
        quarantine.retry(archive, intake_id, operator())
    click.echo(f"{len(wanted)} back in line")


@command.command()
@click.argument("intake_id")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@data_option
def export(intake_id: str, folder: Path, data: Path, config_file: Path | None) -> None:
    """Copy an original, identified as it is, into FOLDER. The audit trail notes it."""
    click.echo(str(quarantine.export(open_data(data, config_file).archive, intake_id, folder, operator())))


@command.command()
@click.argument("intake_ids", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_option
def discard(intake_ids: tuple[str, ...], yes: bool, data: Path, config_file: Path | None) -> None:
    """Give objects up and delete their originals."""
    archive = open_data(data, config_file).archive
    for intake_id in intake_ids:
        quarantine.one(archive, intake_id)
    if not yes:
        click.confirm("The originals will be deleted. Go on?", abort=True)
    for intake_id in intake_ids:
        quarantine.discard(archive, intake_id, operator())
    click.echo(f"{len(intake_ids)} discarded")
