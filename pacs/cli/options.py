"""Options that commands share."""

import getpass
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import click

from pacs.app import App, open_app
from pacs.config import Settings, load_settings
from pacs.deid.filters_as_ctp import filter_of
from pacs.deid.profiles import Profile

F = TypeVar("F", bound=Callable[..., Any])


def _data_folder(_ctx: click.Context, _parameter: click.Parameter, value: str) -> Path:
    """The folder. An empty name, as of an unset shell variable, would mean the current folder: never meant."""
    if not value.strip():
        raise click.UsageError("--data names no folder")
    return Path(value)


def data_option(function: F) -> F:
    """``--data DIR`` and ``--config FILE``."""
    config = click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Settings file (see config/pacs.toml).",
    )
    data = click.option(
        "--data",
        callback=_data_folder,
        envvar="PACS_DATA",
        default="data",
        show_default=True,
        help="Data directory.",
    )
    return data(config(function))


def json_option(function: F) -> F:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def settings_of(data: Path, config_file: Path | None, options: Mapping[str, Any] | None = None) -> Settings:
    """Settings of a data directory. Without ``--config``, `pacs.toml` in the data directory counts when it is there."""
    own = data / "pacs.toml"
    file = config_file or (own if own.is_file() else None)
    return load_settings(data.expanduser().resolve(), file, options=options)


def open_data(data: Path, config_file: Path | None, options: Mapping[str, Any] | None = None) -> App:
    """The installation in a data directory, made when it is new."""
    return open_app(settings_of(data, config_file, options))


def filter_text(given: str, profile: Profile | None = None) -> str:
    """The text of a filter that is given as it is, or as the name of a file; "" for none.

    Raises `ProfileError` for a malformed one; where the collection's profile is a CTP script in mode strict, that is a
    warning.
    """
    if not given.strip():
        return ""
    text, name = given, "filter"
    with suppress(OSError, ValueError):  # a long text is no name
        if Path(given).is_file():
            text, name = Path(given).read_text(encoding="utf-8-sig"), Path(given).name
    fault = filter_of(text, name, as_ctp=profile is not None and profile.strict is not None).fault
    if fault:
        click.echo(f"warning: {fault}; CTP takes what is malformed for false, and so does this collection", err=True)
    return text


def operator() -> str:
    """Who runs this command, for the audit trail."""
    with suppress(OSError, KeyError):
        return f"cli:{getpass.getuser()}"
    return "cli"
