"""``pacs worker``: worker processes alone."""

from pathlib import Path

import click

from pacs.cli.options import data_option, settings_of
from pacs.cli.run import run_alone


@click.command()
@click.option("--workers", "-n", type=click.IntRange(1, 64), help="Worker processes.")
@data_option
def command(workers: int | None, data: Path, config_file: Path | None) -> None:
    """De-identify and publish what waits in the spool, until SIGINT or SIGTERM."""
    settings = settings_of(data, config_file, {"pipeline.workers": workers})
    run_alone(settings, "worker", max(1, settings.pipeline.workers))
