"""What a caller may ask of a picture. PS3.18 8.3.5."""

from dataclasses import dataclass

LINEAR, LINEAR_EXACT, SIGMOID = "linear", "linear-exact", "sigmoid"
FUNCTIONS = (LINEAR, LINEAR_EXACT, SIGMOID)


@dataclass(frozen=True, slots=True)
class Window:
    """A VOI window in the units of the modality transformation. PS3.3 C.11.2.1.2 and C.11.2.1.3."""

    center: float
    width: float
    function: str = LINEAR

    @property
    def valid(self) -> bool:
        """Whether the width is one that the function is defined for."""
        return self.width >= 1 if self.function == LINEAR else self.width > 0


@dataclass(frozen=True, slots=True)
class Viewport:
    """Pixels that the picture must fit into, and the region of the image to show, in its own pixels.

    A negative width of the region flips horizontally, a negative height vertically; None is all that is left.
    """

    width: int
    height: int
    left: float = 0.0
    top: float = 0.0
    region_width: float | None = None
    region_height: float | None = None

    @property
    def is_part(self) -> bool:
        """Whether a region is named."""
        return bool(self.left or self.top) or self.region_width is not None or self.region_height is not None


@dataclass(frozen=True, slots=True)
class Look:
    """How a frame is shown. `coarse`: a quick small picture is enough (thumbnails)."""

    window: Window | None = None
    viewport: Viewport | None = None
    coarse: bool = False
