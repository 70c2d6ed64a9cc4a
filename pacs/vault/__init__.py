"""The vault: the key file, the crosswalk, names, lookup tables, sealed originals and requests. Part of the wall.

What it stores is sealed with AES-256-GCM under a key derived from the collection's numbered master key. It is opened
by the pipeline (to write) and by curators who hold that right (to read); each opening is audited by the caller.
"""

from pacs.vault.crosswalk import Crosswalk
from pacs.vault.keyfile import KeyFile
from pacs.vault.lookups import Lookups
from pacs.vault.namelists import NameLists
from pacs.vault.originals import Originals
from pacs.vault.remotes import Remote, Remotes
from pacs.vault.requests import Requests

__all__ = ["Crosswalk", "KeyFile", "Lookups", "NameLists", "Originals", "Remote", "Remotes", "Requests"]
