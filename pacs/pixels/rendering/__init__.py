"""Frames as people see them, at full depth: grey scale transformations, colours, viewports. PS3.3 C.11, PS3.18 8.3.5.

`render` gives an array of 8 bits; `formats` makes files of it. `pacs.pixels.picture` beside it serves the search for
text, which wants no exact grey.
"""

from pacs.pixels.rendering.options import Look, Viewport, Window
from pacs.pixels.rendering.render import render

__all__ = ["Look", "Viewport", "Window", "render"]
