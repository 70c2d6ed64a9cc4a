"""``pacs serve``: everything on one machine, in the foreground."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import click

from pacs.app import make_data_folder, open_app
from pacs.cli.options import data_option, settings_of
from pacs.cli.run import run_processes
from pacs.cli.supervise import is_listening, reserved_port
from pacs.config import Settings
from pacs.errors import ConfigError
from pacs.folders import Folders
from pacs.model import Release
from pacs.registry.snapshot import INBOX
from pacs.web.viewer import viewer_folder


@click.command()
@click.option("--host", help="Address to listen on.")
@click.option("--http", "http_port", type=click.IntRange(0, 65535), help="HTTP port; 0 takes a free one.")
@click.option("--dimse", "dimse_port", type=click.IntRange(0, 65535), help="DIMSE port; 0 takes a free one.")
@click.option("--tls", "tls_port", type=click.IntRange(1, 65535), help="DIMSE port with TLS.")
@click.option("--aet", help="Our AE title.")
@click.option("--workers", type=click.IntRange(0, 64), help="Worker processes; 0 only spools.")
@data_option
def command(
    host: str | None,
    http_port: int | None,
    dimse_port: int | None,
    tls_port: int | None,
    aet: str | None,
    workers: int | None,
    data: Path,
    config_file: Path | None,
) -> None:
    """Run association servers, workers, background jobs and web server until SIGINT or SIGTERM."""
    options = {
        "http.host": host,
        "http.port": http_port,
        "dimse.port": dimse_port,
        "dimse.tls_port": tls_port,
        "dimse.aet": aet,
        "pipeline.workers": workers,
    }
    settings = settings_of(data, config_file, options)
    host = settings.http.host
    with (
        _alone(settings),
        reserved_port(host, settings.dimse.port, "--dimse") as dimse,
        reserved_port(host, settings.http.port, "--http") as http,
        reserved_port(host, settings.dimse.tls_port, "--tls") if settings.dimse.tls_port else nullcontext(),
    ):
        _serve(_with_ports(settings, http, dimse))


def _serve(settings: Settings) -> None:
    host = settings.http.host
    probe = "127.0.0.1" if host == "0.0.0.0" else "::1" if host == "::" else host  # noqa: S104 - compared, not bound
    run_processes(
        settings,
        {"scp": max(1, settings.dimse.processes), "worker": settings.pipeline.workers, "jobs": 1, "web": 1},
        lambda: is_listening(probe, settings.dimse.port) and is_listening(probe, settings.http.port),
        lambda: _announce(settings),
    )


def _announce(settings: Settings) -> None:
    _warn_of_open_inbox(settings)
    host = settings.http.host
    root = f"http://{f'[{host}]' if ':' in host else host}:{settings.http.port}"
    lines = (
        f"portal    {root}/",
        f"viewer    {root}/{'viewer/' if viewer_folder(settings.http.viewer) else 'look'}",
        f"DICOMweb  {root}/dicom-web",
        f"DIMSE     {settings.dimse.aet} at {host}:{settings.dimse.port}",
        *([f"DIMSE/TLS {settings.dimse.aet} at {host}:{settings.dimse.tls_port}"] if settings.dimse.tls_port else []),
        f"data      {settings.data}",
        f"ready: admin token in {Folders(settings.data).admin_token}",
    )
    for line in lines:
        print(line, flush=True)  # noqa: T201 - the promised plain, line-flushed text


def _warn_of_open_inbox(settings: Settings) -> None:
    """An inbox that was made for a first try on loopback publishes at once; beyond loopback that needs a decision."""
    if settings.bound_to_loopback:
        return
    app = open_app(settings)
    inboxes = [each for each in app.registry.snapshot().collections.values() if each.name == INBOX]
    app.archive.parts.database.close()
    if any(each.release is Release.AUTOMATIC for each in inboxes):
        print("warning: inbox releases automatically; see: pacs collection set inbox --release review", flush=True)  # noqa: T201 - for the operator who starts it


def _with_ports(settings: Settings, http: int, dimse: int) -> Settings:
    return replace(settings, http=replace(settings.http, port=http), dimse=replace(settings.dimse, port=dimse))


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One server on a data directory at a time; the lock dies with the process."""
    make_data_folder(settings.data)
    path = settings.data / "serve.lock"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"a server runs on {settings.data} already") from None
        yield
