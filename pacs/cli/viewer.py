"""``pacs viewer``: installs OHIF."""

from pathlib import Path

import click


@click.command()
@click.argument("package", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), help="Folder; see http.viewer.")
def command(package: Path, folder: Path | None) -> None:
    """Install the viewer OHIF from PACKAGE, which `npm pack @ohif/app` fetches; `scripts/fetch-viewer` does both."""
    from pacs.web.viewer import usual_folder
    from pacs.web.viewer_package import install

    facts = install(package, folder or usual_folder())
    click.echo(f"{facts['name']} {facts['version']} ({facts['license']}) is installed")
