"""Printing lists and facts, for people or as JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence

import click


def print_json(value: object) -> None:
    """One JSON value."""
    click.echo(json.dumps(value, indent=2, default=str))


def print_table(rows: Iterable[Mapping[str, object]], columns: Sequence[str], as_json: bool) -> None:
    """Rows as aligned columns, or as a JSON array of all their fields."""
    every = [dict(row) for row in rows]
    if as_json:
        print_json(every)
        return
    texts = [[str(row.get(column, "")) for column in columns] for row in every]
    widths = [max([len(name), *(len(row[i]) for row in texts)]) for i, name in enumerate(columns)]
    for row in [[name.upper().replace("_", " ") for name in columns], *texts]:
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def print_facts(facts: Mapping[str, object], as_json: bool) -> None:
    """Names and values, one a line."""
    if as_json:
        print_json(dict(facts))
        return
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        click.echo(f"{name.replace('_', ' ').ljust(width)}  {value}")
