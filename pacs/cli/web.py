"""``pacs web``: the web server alone."""

from pathlib import Path

import click

from pacs.cli.options import data_option, settings_of
from pacs.cli.run import run_alone


@click.command()
@click.option("--host", help="Address to listen on.")
@click.option("--http", "http_port", type=click.IntRange(1, 65535), help="HTTP port.")
@data_option
def command(host: str | None, http_port: int | None, data: Path, config_file: Path | None) -> None:
    """Serve DICOMweb and pages until SIGINT or SIGTERM."""
    run_alone(settings_of(data, config_file, {"http.host": host, "http.port": http_port}), "web", 1)
