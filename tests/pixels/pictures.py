"""Objects with drawn text, in any pixel format, made with pillow and pydicom."""

import io
import warnings
from typing import Any

import numpy as np
import pydicom
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, ExplicitVRLittleEndian

from pacs.dicom.elements import DataSet, parse
from pacs.dicom.fileformat import file_start, read_start
from pacs.dicom.syntaxes import encoding_of
from pacs.dicom.writing import encode
from tests.builders import file_bytes, make_ct

NAME, MARK = (10, 8), (10, 70)  # where texts are drawn: left, top


def ground(rows: int = 100, columns: int = 240, seed: int = 1) -> np.ndarray:
    """Noise without any text, 8 bits."""
    return np.random.default_rng(seed).integers(20, 60, (rows, columns)).astype(np.uint8)


def written(pixels: np.ndarray, text: str, at: tuple[int, int], size: int = 16, value: int = 255) -> np.ndarray:
    """An 8-bit grey image with a line of text."""
    picture = Pillow.fromarray(pixels)
    ImageDraw.Draw(picture).text(at, text, fill=value, font=ImageFont.load_default(size))
    return np.asarray(picture)


def labelled(name: str = "SMITH^JOHN 4711982", mark: str = "MI 1.2", **size: int) -> np.ndarray:
    """Noise with a name and a technical mark."""
    return written(written(ground(**size), name, NAME), mark, MARK)


def as_object(pixels: np.ndarray, syntax: str = ExplicitVRLittleEndian, **values: Any) -> pydicom.FileDataset:
    """An object with these stored numbers: (rows, columns[, 3]), with frames in front when `frames` is given."""
    frames = values.pop("frames", None)
    shape = pixels.shape[1:] if frames else pixels.shape
    ds = make_ct(Rows=shape[0], Columns=shape[1])
    del ds.RescaleIntercept, ds.RescaleSlope
    ds.SamplesPerPixel = 3 if len(shape) == 3 else 1
    ds.BitsAllocated = ds.BitsStored = pixels.dtype.itemsize * 8
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, int(pixels.dtype.kind == "i")
    ds.PhotometricInterpretation = "RGB" if len(shape) == 3 else "MONOCHROME2"
    if frames:
        ds.NumberOfFrames = frames
    if len(shape) == 3:
        ds.PlanarConfiguration = 0
    ds.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    ds["PixelData"].VR = "OW" if pixels.dtype.itemsize > 1 else "OB"
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    if syntax != ExplicitVRLittleEndian:
        ds.compress(UID(syntax), generate_instance_uid=False)
    return ds


def jpeg(pixels: np.ndarray, **options: Any) -> bytes:
    """A baseline JPEG stream."""
    out = io.BytesIO()
    Pillow.fromarray(pixels).save(out, "JPEG", **options)
    return out.getvalue()


def with_frames(ds: pydicom.FileDataset, frames: list[bytes], syntax: str, **options: Any) -> pydicom.FileDataset:
    """The object with encoded frames."""
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.PixelData = pydicom.encaps.encapsulate(frames, **options)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return ds


def parsed(ds: pydicom.FileDataset) -> tuple[DataSet, str]:
    """As the product reads it: elements and transfer syntax."""
    content = file_bytes(ds)
    start = read_start(content)
    return parse(content[start.data_set_offset :], encoding_of(start.transfer_syntax_uid)), start.transfer_syntax_uid


def seen(data_set: DataSet, syntax: str) -> np.ndarray:
    """Pixels as pydicom reads them, before colours are converted."""
    encoding = encoding_of(syntax)
    raw = file_start("1.2.840.10008.5.1.4.1.1.7", "1.2.3", syntax)
    raw += b"".join(bytes(piece) for piece in encode(data_set, encoding, encoding))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pixel_array(io.BytesIO(raw), raw=True)
