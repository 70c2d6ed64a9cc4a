"""``pacs peer``: application entities that we know."""

from dataclasses import asdict
from pathlib import Path

import click

from pacs.app import App
from pacs.cli.options import data_option, json_option, open_data, operator
from pacs.cli.output import print_facts, print_table
from pacs.curation.kits import check_site
from pacs.errors import BadRequest, NotFound
from pacs.model import DIMSE_SERVICES, PeerInfo


@click.group()
def command() -> None:
    """Peers (AE titles): add, set, list, remove, echo. Changes count from the next association."""


@command.command()
@click.argument("aet")
@click.argument("host")
@click.argument("port", type=click.IntRange(1, 65535))
@click.option("--allow", help=f"Services, comma separated; default: {','.join(DIMSE_SERVICES)}.")
@click.option("--collection", "collections", multiple=True, help="Bind the peer to this collection; may be repeated.")
@click.option("--site", help="Site that it sends for; submissions are counted by it. Empty: its collection's.")
@data_option
@json_option
def add(
    aet: str,
    host: str,
    port: int,
    allow: str | None,
    collections: tuple[str, ...],
    site: str | None,
    data: Path,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Add a peer, or change it: what is not named stays as it is (a new one may do everything, everywhere).

    To let it see all collections again, remove it first. Its rules (see `set`) stay.
    """
    app = open_data(data, config_file)
    if aet.strip() == app.settings.dimse.aet:
        raise BadRequest("that is the archive's own AE title (dimse.aet)")
    if app.remotes.has(aet.strip()):
        raise BadRequest("a service of that name is there already; see `pacs remote list`")
    known = app.registry.snapshot().peers.get(aet.strip())
    services = frozenset(each.strip() for each in (allow or "").split(",") if each.strip())
    if allow is None:
        services = known.allow if known is not None else frozenset(DIMSE_SERVICES)
    if known is not None and known.collection_ids is not None and not collections:
        names = app.registry.snapshot().collections
        collections = tuple(names[each].name for each in sorted(known.collection_ids) if each in names)
        if not collections:
            raise BadRequest("the collections that it was bound to are gone; name one, or remove the peer first")
    wanted = _checked(site)
    peer = app.registry.add_peer(aet, host, port, services, collections)
    if wanted is not None:
        peer = _set_site(app, peer.aet, wanted)
    app.archive.parts.trail.add(operator(), "add peer", peer.aet, ",".join(sorted(services)))
    print_facts(_facts(peer), as_json)


@command.command("set")
@click.argument("aet")
@click.argument("rules", nargs=-1, metavar="NAME=VALUE...")
@data_option
@json_option
def set_rules(aet: str, rules: tuple[str, ...], data: Path, config_file: Path | None, as_json: bool) -> None:
    """Change how we get along with a peer; without NAME=VALUE, show it.

    \b
    enabled=yes           no: its associations are rejected
    check_host=no         yes: associations only from the host that it is entered with
    max_associations=0    at once; 0: no limit of its own
    needs_identity=no     yes: associations only with user name and token
    certificate=          SHA-256 of its TLS client certificate, in hex; then only over TLS with it
    relational=no         yes: answers as if relational queries had been negotiated
    implied_roles=no      yes: C-GET without role selection (Horos, OsiriX)
    character_set=        of answers, such as "ISO_IR 100"; empty: as the request, else UTF-8
    prefer=               transfer syntaxes in the order we like to receive; empty: the sender's first
    tls=no                yes: we call it over TLS
    parallel=1            associations that one large move to it may use
    patience_s=60         most seconds for its answer to one object
    site=                 that it sends for; submissions are counted by it; empty: its collection's
    """
    app = open_data(data, config_file)
    changes = dict(_pair(each) for each in rules)
    site = _checked(changes.get("site"))
    peer = app.registry.set_peer_rules(aet, {name: each for name, each in changes.items() if name != "site"})
    if site is not None:
        peer = _set_site(app, peer.aet, site)
    if changes:
        app.archive.parts.trail.add(operator(), "set peer", peer.aet, ",".join(sorted(changes)))
    print_facts(_facts(peer) | asdict(peer.rules), as_json)


def _checked(site: str | None) -> str | None:
    """The name of a site; "" and None are none. Raises `BadRequest`."""
    return check_site(site) if site else site


def _set_site(app: App, aet: str, site: str) -> PeerInfo:
    if site:
        app.registry.add_site(site)
    return app.registry.set_peer_site(aet, site)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise BadRequest(f"{text!r} is not NAME=VALUE")
    return name.strip(), value


@command.command("list")
@data_option
@json_option
def list_peers(data: Path, config_file: Path | None, as_json: bool) -> None:
    """All peers."""
    peers = open_data(data, config_file).registry.snapshot().peers
    print_table((_facts(peers[aet]) for aet in sorted(peers)), ("aet", "host", "port", "allow", "site"), as_json)


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
    from pacs.dimse.options import options_from

    app = open_data(data, config_file)
    peer = app.registry.snapshot().peers.get(aet.strip())
    if peer is None:
        raise NotFound(f"there is no peer {aet!r}")
    milliseconds = send_echo(peer, options_from(app.settings))
    click.echo(f"{peer.aet} at {peer.host}:{peer.port} answered in {milliseconds:.0f} ms")


def _facts(peer: PeerInfo) -> dict[str, object]:
    bound = None if peer.collection_ids is None else sorted(peer.collection_ids)
    return {
        "aet": peer.aet,
        "host": peer.host,
        "port": peer.port,
        "allow": ",".join(sorted(peer.allow)),
        "collection_ids": bound,
        "site": peer.site,
    }
