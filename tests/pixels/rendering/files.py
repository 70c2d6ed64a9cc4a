"""Objects as files that `render` takes."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs.pixels import StoredFile, read_frames
from pacs.pixels.rendering import Look, Window, render
from tests.builders import file_bytes
from tests.pixels.pictures import as_object


def stored(folder: Path, ds: pydicom.FileDataset) -> StoredFile:
    """The object in a file, opened as the archive opens it."""
    path = folder / "object.dcm"
    path.write_bytes(file_bytes(ds))
    return read_frames(path)


def shown(folder: Path, ds: pydicom.FileDataset, window: Window | None = None, frame: int = 0) -> np.ndarray:
    """A frame of the object, rendered."""
    return render(stored(folder, ds), frame, Look(window))


def ramp(**values: Any) -> pydicom.FileDataset:
    """A signed slice with the numbers from -1000 in steps of 10, 16 x 16, without rescaling or window."""
    return as_object((np.arange(256, dtype=np.int16) * 10 - 1000).reshape(16, 16), **values)


def item(**values: object) -> Sequence:
    """A sequence of one item."""
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return Sequence([ds])
