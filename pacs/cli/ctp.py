"""``pacs ctp``: what comes from an installation of RSNA CTP."""

import os
import tempfile
from pathlib import Path

import click

from pacs.cli.options import data_option
from pacs.ctp.configuration import read_configuration
from pacs.ctp.translation import Plan, Step, translated


@click.group()
def command() -> None:
    """From RSNA CTP: import-config."""


@command.command("import-config")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--apply", is_flag=True, help="Do it now, and print what is left to do by hand.")
@data_option
@click.pass_context
def import_config(ctx: click.Context, file: Path, apply: bool, data: Path, config_file: Path | None) -> None:
    """Read CTP's config.xml, and print a shell script that sets up the same here.

    Pipelines become collections, stages their settings; each stage and attribute without a counterpart is named with
    its line. Passwords are not printed: the commands ask for them. With --apply they are taken from FILE.
    """
    plan = translated(read_configuration(file.read_bytes(), file.name), file.parent)
    if not apply:
        click.echo(plan.script(), nl=False)
        return
    options = ["--data", str(data), *(["--config", str(config_file)] if config_file else [])]
    for step in plan.steps:
        _run(ctx, step, options)
    _print_remarks(plan)


def _run(ctx: click.Context, step: Step, options: list[str]) -> None:
    """One command in this process. Its name is told, so that one that fails is known."""
    click.echo(f"line {step.line}: pacs {' '.join(step.words[:3])}", err=True)
    root = ctx.find_root().command
    arguments = [*step.words, *options]
    if not step.password:
        root.main(arguments, prog_name="pacs", standalone_mode=False)
        return
    descriptor, name = tempfile.mkstemp(prefix="pacs-")  # 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as secret:
            secret.write(step.password)
        root.main([*arguments, "--password-file", name], prog_name="pacs", standalone_mode=False)
    finally:
        Path(name).unlink()


def _print_remarks(plan: Plan) -> None:
    for each in plan.remarks:
        click.echo(f"line {each.line}, {each.where}: {each.text}")
