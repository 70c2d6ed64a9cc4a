"""TrialPACS: a research imaging archive that de-identifies at its door.

Imports point down only; `scripts/check` holds the layers that `setup.cfg` lists under ``importlinter``.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("trialpacs")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0.0.0"

# PS3.7 D.3.3.2: our own root under the UUID-derived arc (PS3.5 B.2), fixed for ever.
IMPLEMENTATION_CLASS_UID = "2.25.206921357064215743512640125571982357203"
IMPLEMENTATION_VERSION_NAME = "TRIALPACS_" + ".".join(__version__.split(".")[:2])
