"""``pacs peer``: application entities that we know."""

from pathlib import Path

import click

from pacs.cli.options import data_option, json_option, open_data, operator
from pacs.cli.output import print_facts, print_table
from pacs.errors import NotFound
from pacs.model import DIMSE_SERVICES, PeerInfo


@click.group()
def command() -> None:
    """Peers (AE titles): add, list, remove. Changes count from the next association."""


@command.command()
@click.argument("aet")
@click.argument("host")
@click.argument("port", type=click.IntRange(1, 65535))
@click.option("--allow", default=",".join(DIMSE_SERVICES), show_default=True, help="Services, comma separated.")
@click.option("--collection", default="", help="Bind the peer to one collection.")
@data_option
@json_option
def add(
    aet: str, host: str, port: int, allow: str, collection: str, data: Path, config_file: Path | None, as_json: bool
) -> None:
    """Add a peer, or replace it."""
    app = open_data(data, config_file)
    services = frozenset(each.strip() for each in allow.split(",") if each.strip())
    peer = app.registry.add_peer(aet, host, port, services, collection)
    app.archive.parts.trail.add(operator(), "add peer", peer.aet, ",".join(sorted(services)))
    print_facts(_facts(peer), as_json)


@command.command("list")
@data_option
@json_option
def list_peers(data: Path, config_file: Path | None, as_json: bool) -> None:
    """All peers."""
    peers = open_data(data, config_file).registry.snapshot().peers
    print_table((_facts(peers[aet]) for aet in sorted(peers)), ("aet", "host", "port", "allow"), as_json)


@command.command()
@click.argument("aet")
@data_option
def remove(aet: str, data: Path, config_file: Path | None) -> None:
    """Forget a peer."""
    app = open_data(data, config_file)
    app.registry.remove_peer(aet)
    app.archive.parts.trail.add(operator(), "remove peer", aet.strip())


@command.command()
@click.argument("aet")
@data_option
def echo(aet: str, data: Path, config_file: Path | None) -> None:
    """Send a C-ECHO to a peer. PS3.4 Annex A."""
    from pacs.dimse.echo import send_echo

    app = open_data(data, config_file)
    peer = app.registry.snapshot().peers.get(aet.strip())
    if peer is None:
        raise NotFound(f"there is no peer {aet!r}")
    milliseconds = send_echo(peer, app.settings.dimse.aet)
    click.echo(f"{peer.aet} at {peer.host}:{peer.port} answered in {milliseconds:.0f} ms")


def _facts(peer: PeerInfo) -> dict[str, object]:
    bound = None if peer.collection_ids is None else sorted(peer.collection_ids)
    return {
        "aet": peer.aet,
        "host": peer.host,
        "port": peer.port,
        "allow": ",".join(sorted(peer.allow)),
        "collection_ids": bound,
    }
