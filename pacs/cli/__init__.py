"""The command line: one file per command. Each opens the data directory, calls the archive, prints.

Exit status 0; 1 failed, with one clear line on standard error and no traceback; 2 usage.
"""

from pacs.cli.main import run

__all__ = ["run"]
