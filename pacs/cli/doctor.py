"""``pacs doctor``: does the index agree with what is on disk?"""

from pathlib import Path

import click

from pacs.cli.options import data_option, open_data
from pacs.curation.doctor import examine, tidy


@click.command()
@click.option("--fix", is_flag=True, help="Mend what can be mended.")
@data_option
@click.pass_context
def command(ctx: click.Context, fix: bool, data: Path, config_file: Path | None) -> None:
    """Compare index, blobs, spool, quarantine and audit trail; exit status 1 when something is wrong."""
    app = open_data(data, config_file)
    grace_s = app.settings.storage.blob_grace_s
    if fix:
        click.echo(f"{tidy(app.archive, grace_s)} left-over files and entries taken care of")
    left = 0
    for complaint in examine(app.archive, grace_s):
        mended = fix and complaint.fix is not None
        if complaint.fix is not None and mended:
            complaint.fix()
        left += not mended
        click.echo(f"{'mended: ' if mended else ''}{complaint.text}")
    click.echo("all is well" if not left else f"{left} complaints")
    ctx.exit(1 if left else 0)
