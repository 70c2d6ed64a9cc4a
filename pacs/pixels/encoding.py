"""Frames compressed without loss, for callers that ask for it. PS3.5 8.2, A.4.

Why imagecodecs beside pydicom's encoders (2026-11): nothing else that is kept up writes lossless JPEG and HTJ2K,
or JPEG 2000 of pictures smaller than 32 pixels.
"""

import threading
import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import UID

from pacs.dicom.syntaxes import RLE
from pacs.errors import NotAcceptable
from pacs.pixels.image import Array, Format

_PREFIX = "1.2.840.10008.1.2.4."
JPEG_LOSSLESS, JPEG_LOSSLESS_FIRST_ORDER = _PREFIX + "57", _PREFIX + "70"
JPEG_LS_LOSSLESS, JPEG_2000_LOSSLESS = _PREFIX + "80", _PREFIX + "90"
HTJ2K_LOSSLESS, HTJ2K_LOSSLESS_RPCL = _PREFIX + "201", _PREFIX + "202"
_BY_PYDICOM = (RLE, JPEG_LS_LOSSLESS)
_JPEG = (JPEG_LOSSLESS, JPEG_LOSSLESS_FIRST_ORDER)
_LARGE_BYTES = 8 << 20
_one_large = threading.Lock()
ENCODABLE = frozenset((*_BY_PYDICOM, *_JPEG, JPEG_2000_LOSSLESS, HTJ2K_LOSSLESS, HTJ2K_LOSSLESS_RPCL))


def in_turn(size_bytes: int) -> AbstractContextManager[object]:
    """Held by one large frame at a time in a process: what it becomes takes eight times its memory on the way."""
    return _one_large if size_bytes > _LARGE_BYTES else nullcontext()


def encoded_frame(pixels: Array, found: Format, transfer_syntax_uid: str) -> bytes:
    """A frame, (rows, columns) or (rows, columns, samples), compressed without loss; `found` says what its pixels are.

    Raises `NotAcceptable` for pixels that the syntax cannot hold: of one bit, of 32 bits except by RLE, of floats.
    """
    wide = pixels.dtype.itemsize
    if found.bits_allocated < 8 or pixels.dtype.kind == "f" or wide > (4 if transfer_syntax_uid == RLE else 2):
        raise NotAcceptable("these pixels cannot be sent in that transfer syntax")
    pixels = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))  # encoders take bytes as the machine has them
    try:
        with in_turn(pixels.nbytes):
            if transfer_syntax_uid in _BY_PYDICOM:
                return _by_pydicom(pixels, found, transfer_syntax_uid)
            return _by_imagecodecs(pixels, found, transfer_syntax_uid)
    except Exception as error:  # noqa: BLE001 - the libraries below raise whatever they like
        raise NotAcceptable(f"the pixels cannot be sent in that transfer syntax ({type(error).__name__})") from None


def _by_pydicom(pixels: Array, found: Format, transfer_syntax_uid: str) -> bytes:
    options: dict[str, Any] = {
        "rows": found.rows,
        "columns": found.columns,
        "samples_per_pixel": found.samples,
        "bits_allocated": found.bits_allocated,
        "bits_stored": _bits_needed(pixels, found),
        "pixel_representation": int(found.signed),
        "photometric_interpretation": found.photometric,
        "number_of_frames": 1,
    }
    if found.samples > 1:
        options["planar_configuration"] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bytes(get_encoder(UID(transfer_syntax_uid)).encode(pixels, **options))


def _bits_needed(pixels: Array, found: Format) -> int:
    """BitsStored, or all bits where numbers go beyond it (overlays of old): then nothing is lost either."""
    top = 1 << (found.bits_stored - 1 if found.signed else found.bits_stored)
    low = -top if found.signed else 0
    fits = pixels.size == 0 or (int(pixels.max()) < top and int(pixels.min()) >= low)
    return found.bits_stored if fits else found.bits_allocated


def _by_imagecodecs(pixels: Array, found: Format, transfer_syntax_uid: str) -> bytes:
    import imagecodecs  # noqa: PLC0415 - many libraries in one; only who asks for these syntaxes loads it

    if transfer_syntax_uid in _JPEG:
        unsigned = pixels.view(f"u{pixels.dtype.itemsize}")  # its decoders give bits, PixelRepresentation their sign
        space = "rgb" if pixels.ndim == 3 else None  # as they are
        bits = unsigned.dtype.itemsize * 8
        return bytes(
            imagecodecs.jpeg8_encode(
                unsigned, colorspace=space, outcolorspace=space, lossless=True, predictor=1, bitspersample=bits
            )
        )
    if transfer_syntax_uid == JPEG_2000_LOSSLESS:
        bits = _bits_needed(pixels, found)
        levels = max(min(6, min(pixels.shape[:2]).bit_length()), 1)
        return bytes(
            imagecodecs.jpeg2k_encode(
                pixels, 0, codecformat="j2k", reversible=True, mct=False, bitspersample=bits, resolutions=levels
            )
        )
    return bytes(imagecodecs.htj2k_encode(pixels, reversible=True, rgb=False, tlm=True))
