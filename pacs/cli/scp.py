"""``pacs scp``: association servers alone, without workers or web."""

from pathlib import Path

import click

from pacs.cli.options import data_option, settings_of
from pacs.cli.run import run_alone


@click.command()
@click.option("--host", help="Address to listen on.")
@click.option("--dimse", "dimse_port", type=click.IntRange(1, 65535), help="DIMSE port.")
@click.option("--tls", "tls_port", type=click.IntRange(1, 65535), help="DIMSE port with TLS.")
@click.option("--aet", help="Our AE title.")
@click.option("--processes", type=click.IntRange(1, 64), help="Processes that share the port.")
@data_option
def command(
    host: str | None,
    dimse_port: int | None,
    tls_port: int | None,
    aet: str | None,
    processes: int | None,
    data: Path,
    config_file: Path | None,
) -> None:
    """Run association servers on one port until SIGINT or SIGTERM."""
    options = {"http.host": host, "dimse.port": dimse_port, "dimse.aet": aet, "dimse.processes": processes}
    options |= {"dimse.tls_port": tls_port}
    settings = settings_of(data, config_file, options)
    run_alone(settings, "scp", max(1, settings.dimse.processes))
