"""``pacs kit``: all that a site needs to send to a collection, in one ZIP."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import click

from pacs.cli.options import data_option, open_data, operator
from pacs.curation.kits import Kit, check_root, check_site, fresh_token


@click.command()
@click.argument("collection")
@click.option("--site", required=True, help="Name of the site, for people.")
@click.option("--user", required=True, help="User that the site sends as; made when there is none. May only submit.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File; default: kit-COLLECTION.zip.")
@click.option("--url", default="", help="Our address as the site reaches it; default: http.public_root, else our own.")
@data_option
def command(
    collection: str, site: str, user: str, out: Path | None, url: str, data: Path, config_file: Path | None
) -> None:
    """Write a kit for a site that sends to COLLECTION, with a fresh token: for CTP, DCMTK, curl and Python."""
    app = open_data(data, config_file)
    settings = app.settings
    found, site = app.registry.snapshot().collection_named(collection), check_site(site)
    root = check_root(url or settings.http.public_root or f"http://{settings.http.host}:{settings.http.port}")
    host = urlsplit(root).hostname or ""
    path = out or Path(f"kit-{found.name}.zip")
    dimse = settings.dimse
    kit = Kit(
        found.name, found.title, site, user, fresh_token(app.users, user, found, site), root, host,
        dimse.tls_port or dimse.port, found.called_aet, dimse.aet, bool(dimse.tls_port),
    )  # fmt: skip
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as sink:
        sink.write(kit.file())
    app.registry.add_site(site)
    app.archive.parts.trail.add(operator(), "create kit", found.name, f"user {user}")
    click.echo(f"{path} holds a token of {user}: hand it over safely")
