"""De-identification: data set, profile and keys in, new data set and report out. Pure. PS3.15 Annex E.

`engine.deidentify` does it; `profiles.load_profile` gives the rules; `keys.CollectionKeys` the keyed mappings.
It is not the second reader (`leakcheck`), which shares no decision with it, and it knows no files: file meta
information and preamble are written afresh by the caller.

Why (2026-11): the rules are Table E.1-1 as data plus a short list beyond it (`data/beyond_e1.toml`), flattened to one
look-up per tag, instead of code per attribute; a compound code is settled by the attribute's type in the object's IOD.
"""

from pacs.deid.engine import deidentify
from pacs.deid.keys import CollectionKeys
from pacs.deid.profiles import load_profile
from pacs.deid.result import Context, Result

__all__ = ["CollectionKeys", "Context", "Result", "deidentify", "load_profile"]
