"""Fuzz targets; `scripts/fuzz` runs them."""
