"""What the arguments of a call say where it stands."""

from pacs.deid.ctp.expressions import Call
from pacs.deid.ctp.expressions import Element as Reference
from pacs.deid.ctp.scope import Scope

REMOVE = "@remove()"
THIS = (Reference(),)


def text_of(call: Call, scope: Scope, number: int = 0) -> str | None:
    """The value of the element that an argument names, ``this`` where there is no such argument; see `Scope.text`."""
    return scope.text(call.elements.get(number, THIS)[0])


def whole(text: str | None, default: int) -> int:
    """A whole number, or the default for what is none."""
    try:
        return int((text or "").strip())
    except ValueError:
        return default


def lookup_key(text: str) -> str:
    """A value as lookup tables know it."""
    return text.replace("\\", "").strip()
