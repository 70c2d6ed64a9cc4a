"""Pixels: decoding, rendering, and files in another transfer syntax. Pure: files and bytes in, bytes out.

Lossy data is never compressed again, and nothing is compressed with loss but pictures.
"""

from pacs.pixels.encoding import ENCODABLE, encoded_frame
from pacs.pixels.image import native_bytes
from pacs.pixels.reading import frame_pixels, read_frames
from pacs.pixels.transcode import (
    StoredFile,
    compressed,
    decoded_frame,
    explicit_little_endian,
    native_data_set,
    read_file,
)

__all__ = [
    "ENCODABLE",
    "StoredFile",
    "compressed",
    "decoded_frame",
    "encoded_frame",
    "explicit_little_endian",
    "frame_pixels",
    "native_bytes",
    "native_data_set",
    "read_file",
    "read_frames",
]
