"""Pixel scripts as RSNA CTP reads them: `{ filter }` names a device, each `( x, y, w, h )` after it a rectangle.

For the filters see `pacs.deid.filters`. Other text is comment. CTP blanks one row and one column more than a rectangle
says, fills them with the number 0, and takes a malformed filter for false; that is done where CTP is to be followed
value for value. Faults are told with their line, where CTP would skip them silently.
"""

import re

from pacs.deid.filters_as_ctp import filter_of
from pacs.deid.pixels.signatures import Rectangle, Signature
from pacs.errors import ProfileError

_BRACES = re.compile(r'\{(?:"[^"\n]*"|[^"}])*\}')  # a brace in quotes, as of a regular expression, ends nothing
_RECTANGLE = re.compile(r"\(\s*(-?\d{1,9})\s*,\s*(-?\d{1,9})\s*,\s*(\d{1,9})\s*,\s*(\d{1,9})\s*\)")


def pixel_script(text: str, name: str = "script", *, exact: bool = True) -> tuple[Signature, ...]:
    """The signatures of a script, named after `name` and their line. Raises `ProfileError` with line and fault.

    `exact`: rectangles are as large as they say, and filters as they mean; else both are as CTP has them, and a
    malformed filter is none of the faults.
    """
    found = []
    position = text.find("{")
    while position >= 0:
        line = _line_of(text, position)
        whole = _BRACES.match(text, position)
        end = whole.end() - 1 if whole is not None else text.find("}", position)
        if end < 0:
            raise ProfileError(f"{name}, line {line}: the filter that starts here has no closing brace")
        chosen = filter_of(text[position + 1 : end], name, line, as_ctp=not exact)
        position = text.find("{", end)
        rest = text[end + 1 : position if position >= 0 else len(text)]
        rectangles = tuple(_rectangle(match, 0 if exact else 1) for match in _RECTANGLE.finditer(rest))
        if not rectangles:
            raise ProfileError(f"{name}, line {line}: no rectangle (x, y, width, height) follows this filter")
        found.append(Signature(f"{name} line {line}", chosen.passes, rectangles, as_ctp=not exact))
    if not found:
        raise ProfileError(f"{name}, line 1: no filter {{ ... }} in the whole file")
    return tuple(found)


def _line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _rectangle(match: re.Match[str], more: int) -> Rectangle:
    left, top, width, height = (int(number) for number in match.groups())
    return Rectangle(left, top, width + more, height + more)
