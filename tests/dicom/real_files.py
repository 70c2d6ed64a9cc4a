"""Real files to compare with pydicom on: those that pydicom brings, and the shared ones where they are."""

from pathlib import Path

import pydicom.data

from tests.data_folder import shared_data


def real_files(max_bytes: int) -> list[Path]:
    """Well-formed files up to a size, without any download."""
    bundled = sorted((Path(pydicom.data.__file__).parent / "test_files").glob("*.dcm"))
    shared = shared_data()
    real = sorted(shared.rglob("*.dcm")) if shared else []
    return [path for path in (*bundled, *real) if "malformed" not in path.parts and path.stat().st_size < max_bytes]
