"""The range of an object's numbers: where it has no window, all its frames are shown by the same one. PS3.3 C.11.2."""

from contextlib import suppress
from weakref import WeakKeyDictionary

from pacs.dicom.syntaxes import is_encapsulated
from pacs.errors import NotAcceptable
from pacs.pixels.reading import frame_pixels, layout_of
from pacs.pixels.rendering.greys import value_range
from pacs.pixels.transcode import StoredFile

Ends = tuple[float, float]
# What is read of an object for it: compressed frames take their time.
_MOST_SAMPLES, _MOST_COMPRESSED, _MOST_DECODED = 1 << 25, 1 << 22, 8
_known: WeakKeyDictionary[StoredFile, Ends] = WeakKeyDictionary()


def extent(file: StoredFile, padding: Ends | None) -> Ends:
    """The least and the largest stored number of all frames, padding aside; of too many, some at even distances.

    Both are 0 when there is none.
    """
    if file not in _known:
        found = [ends for frame in _read(file) if (ends := _ends_of(file, frame, padding)) is not None]
        _known[file] = (min(low for low, _ in found), max(high for _, high in found)) if found else (0.0, 0.0)
    return _known[file]


def _read(file: StoredFile) -> list[int]:
    """The frames (from 0) that are read, the first and the last among them."""
    layout, count = layout_of(file), len(file.frames)
    samples = max(layout.rows * layout.columns, 1)
    most = _MOST_SAMPLES // samples
    if is_encapsulated(file.transfer_syntax_uid):
        most = min(_MOST_COMPRESSED // samples, _MOST_DECODED)
    most = max(most, 2)
    return list(range(count)) if count <= most else [place * (count - 1) // (most - 1) for place in range(most)]


def _ends_of(file: StoredFile, frame: int, padding: Ends | None) -> Ends | None:
    with suppress(NotAcceptable):  # a frame that is damaged leaves the others as they are
        return value_range(*frame_pixels(file, frame), padding)
    return None
