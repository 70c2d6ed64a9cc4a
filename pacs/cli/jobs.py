"""``pacs jobs``: what is sent to peers and reported to them, in the background."""

from dataclasses import asdict
from pathlib import Path

import click

from pacs.cli.options import data_option, json_option, open_data, operator, settings_of
from pacs.cli.output import print_facts, print_table
from pacs.cli.run import run_alone
from pacs.jobs import Jobs, JobView


@click.group()
def command() -> None:
    """Background jobs (sending, storage commitment): run, list, show, retry, cancel."""


@command.command()
@data_option
def run(data: Path, config_file: Path | None) -> None:
    """Work jobs off until SIGINT or SIGTERM. `pacs serve` does this too."""
    run_alone(settings_of(data, config_file, {}), "jobs", 1)


@command.command("list")
@data_option
@json_option
def list_jobs(data: Path, config_file: Path | None, as_json: bool) -> None:
    """All jobs, newest first."""
    rows = [_facts(each) for each in _jobs(data, config_file).all()]
    print_table(rows, ("id", "name", "state", "attempts", "progress", "note"), as_json)


@command.command()
@click.argument("job_id", type=int)
@data_option
@json_option
def show(job_id: int, data: Path, config_file: Path | None, as_json: bool) -> None:
    """One job."""
    print_facts(_facts(_jobs(data, config_file).get(job_id)), as_json)


@command.command()
@click.argument("job_id", type=int)
@data_option
def retry(job_id: int, data: Path, config_file: Path | None) -> None:
    """Try a failed or waiting job again now."""
    app = open_data(data, config_file)
    app.archive.parts.jobs.retry(job_id)
    app.archive.parts.trail.add(operator(), "retry job", str(job_id))


@command.command()
@click.argument("job_id", type=int)
@data_option
def cancel(job_id: int, data: Path, config_file: Path | None) -> None:
    """End a job that waits or runs."""
    app = open_data(data, config_file)
    app.archive.parts.jobs.cancel(job_id)
    app.archive.parts.trail.add(operator(), "cancel job", str(job_id))


def _jobs(data: Path, config_file: Path | None) -> Jobs:
    return open_data(data, config_file).archive.parts.jobs


def _facts(job: JobView) -> dict[str, object]:
    times = {"created_at": job.created_at.isoformat(), "run_after": job.run_after.isoformat()}
    return asdict(job) | times
