"""``pacs user``: people and programs."""

from pathlib import Path

import click

from pacs.cli.options import data_option, json_option, open_data, operator
from pacs.cli.output import print_table
from pacs.curation.kits import check_site
from pacs.model import Role


@click.group()
def command() -> None:
    """Users: add, list, remove."""


@command.command()
@click.argument("name")
@click.option("--role", type=click.Choice([each.value for each in Role]), required=True)
@click.option("--collection", default="", help="The role counts in this collection only.")
@click.option("--site", default="", help="Site that the user sends for; submissions are counted by it.")
@data_option
def add(name: str, role: str, collection: str, site: str, data: Path, config_file: Path | None) -> None:
    """Add a user, or give one a further role."""
    app = open_data(data, config_file)
    collection_id = app.registry.snapshot().collection_named(collection).id if collection else None
    if site:
        site = check_site(site)
        app.registry.add_site(site)
    app.users.add(name, Role(role), collection_id, site)
    app.archive.parts.trail.add(operator(), "add user", name, f"{role} {collection}".strip())


@command.command("list")
@data_option
@json_option
def list_users(data: Path, config_file: Path | None, as_json: bool) -> None:
    """All users with their roles."""
    app = open_data(data, config_file)
    names = {each.id: each.name for each in app.registry.snapshot().collections.values()}
    rows = [
        {
            "name": user.name,
            "site": user.site,
            "roles": ", ".join(
                f"{grant.role.value} of {names.get(grant.collection_id, '?')}"
                if grant.collection_id
                else grant.role.value
                for grant in user.grants
            ),
        }
        for user in app.users.all()
    ]
    print_table(rows, ("name", "site", "roles"), as_json)


@command.command()
@click.argument("name")
@data_option
def remove(name: str, data: Path, config_file: Path | None) -> None:
    """Remove a user with all tokens."""
    app = open_data(data, config_file)
    app.users.remove(name)
    app.archive.parts.trail.add(operator(), "remove user", name)
