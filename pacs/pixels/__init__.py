"""Pixels: decoding, and files in another transfer syntax. Pure: files and bytes in, bytes out.

Lossy data is never compressed again, and nothing is ever compressed: what is sent is stored bytes or Little Endian.
"""

from pacs.pixels.transcode import StoredFile, decoded_frame, explicit_little_endian, native_data_set, read_file

__all__ = ["StoredFile", "decoded_frame", "explicit_little_endian", "native_data_set", "read_file"]
