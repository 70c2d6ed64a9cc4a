"""Watched folders as a door: what is put there is taken in, once its writer is done with it.

folders     looking for files that have settled, and taking them in
memory      which files were taken, across restarts; part of the wall, since file names can identify people
"""

from pacs.intake.folders import run_folders

__all__ = ["run_folders"]
