"""RSNA CTP's anonymizer scripts: read, checked and applied. Pure.

`read_script` reads and checks a script; `strict` applies it as CTP does, value for value. Lookup tables, counters and
the time come from outside (`Outside`).
"""

from pacs.deid.ctp.scope import MissingKey, Outside, Quarantined, Skipped
from pacs.deid.ctp.script import Script, read_script

__all__ = ["MissingKey", "Outside", "Quarantined", "Script", "Skipped", "read_script"]
