"""The command group, and the border where errors become one line and an exit status."""

import importlib
import os
import sys

import click

from pacs import __version__, logs
from pacs.errors import PacsError

# Command -> module; a command is imported when it is used, so that `pacs --help` is quick.
COMMANDS = {
    "serve": "serve",
    "scp": "scp",
    "worker": "worker",
    "web": "web",
    "import": "import_files",
    "deid": "deid",
    "analyze": "analyze",
    "collection": "collection",
    "peer": "peer",
    "user": "user",
    "token": "token",
    "trash": "trash",
    "status": "status",
    "trace": "trace",
    "quarantine": "quarantine",
    "profile": "profile",
    "send": "send",
    "forward": "forward",
    "remote": "remote",
    "ctp": "ctp",
    "jobs": "jobs",
    "kit": "kit",
    "conformance": "conformance",
    "viewer": "viewer",
    "doctor": "doctor",
    "config": "config",
}


class Commands(click.Group):
    """Commands by name, loaded on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(f"pacs.cli.{module}").command
        return command


@click.group(cls=Commands)
@click.version_option(__version__, prog_name="pacs")
def pacs() -> None:
    """TrialPACS: identified images in, de-identified images out."""


def run() -> None:
    """Run the command line of this process and exit."""
    logs.silence_libraries()
    try:
        status = pacs.main(prog_name="pacs", standalone_mode=False)
    except click.exceptions.Abort:
        _fail("interrupted")
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        _fail(error.format_message())
    except PacsError as error:
        _fail(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _fail(f"{error.strerror or type(error).__name__}; run with PACS_DEBUG=1 to see where", error)
    except KeyboardInterrupt:
        _fail("interrupted")
    except Exception as error:  # noqa: BLE001 - the border of a command: its text may quote a value, so only its class
        _fail(f"an unexpected {type(error).__name__}; run with PACS_DEBUG=1 to see where", error)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str, error: Exception | None = None) -> None:
    if error is not None and os.environ.get("PACS_DEBUG"):
        raise error
    click.echo(f"pacs: {message}", err=True)
    sys.exit(1)
