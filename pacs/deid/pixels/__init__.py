"""Cleaning pixels: what may be burned into an image is found, read, judged and made black. Pure. PS3.15 E.3.1.

`clean_pixels` takes the original's elements for evidence and the result's for change. The ways it goes, cheapest
first: an image that nobody suspects costs one quick look (`glyphs`), a device whose layout is known its regions
(`signatures`), all others are read (`pacs.pixels.ocr`). What cannot be decoded goes to quarantine. Why (2026-11):
reading costs 0.4 CPU seconds an image, a look two milliseconds.
"""

from pacs.deid.pixels.clean import PixelOutcome, PixelPolicy, Region, clean_pixels
from pacs.deid.pixels.redact import Evidence

__all__ = ["Evidence", "PixelOutcome", "PixelPolicy", "Region", "clean_pixels"]
