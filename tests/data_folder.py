"""Where the real DICOM files are, on machines that have them."""

import os
from pathlib import Path


def shared_data() -> Path | None:
    """The folder of real DICOM files: ``$PACS_TEST_DATA``, or ``shared/data`` beside the checkout; None without one."""
    named = os.environ.get("PACS_TEST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    return folder if folder.is_dir() else None
