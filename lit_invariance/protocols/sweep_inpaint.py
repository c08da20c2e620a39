"""The shrunk picture, moved up and down the whole canvas one pixel at a time."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Generator

from lit_invariance.protocols.background import OnBackground
from lit_invariance.protocols.view import View

PAPER_HEIGHT, PAPER_SIZE = 120, 224


@dataclass(frozen=True, kw_only=True)
class SweepInpaint(OnBackground):
    """The picture at a height of 120 of 224 pixels at each of its 104 vertical places, the rest inpainted.

    Azulay & Weiss 2018 (arXiv 1805.12177v1), the vertical sweep. Step 0 has the picture in the middle of the
    canvas; horizontally it is always there. A picture too wide for the canvas is held at a width of S instead.

    Args:
        height: Height of the shrunk picture in pixels. None takes the paper's 120 px of 224 in proportion to S. The
            picture has S - height places.
    """

    name: ClassVar[str] = "sweep_inpaint"
    unit: ClassVar[str] = "px"
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "top1_change", "jaggedness", "jaggedness_share")

    background: str = "inpaint"
    height: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self._height <= self.window[0] - 2:
            raise ValueError(
                f"height is at least 1 and leaves two places on the canvas of {self.window[0]} px, not {self._height}."
            )

    @property
    def _height(self) -> int:
        return self.height if self.height is not None else round(self.window[0] * PAPER_HEIGHT / PAPER_SIZE)

    @property
    def steps(self) -> tuple[float, ...]:
        """Move down from the middle of the canvas, in pixels: -52..51 at S = 224."""
        room = self.window[0] - self._height
        return tuple(float(place - room // 2) for place in range(room))

    @property
    def reference(self) -> int:
        """Place of the picture that is not moved."""
        return self.steps.index(0.0)

    def views(self, height: int, width: int, generator: Generator) -> list[View]:
        """Place the picture at every step; nothing is drawn."""
        scale = min(self._height / height, self.window[1] / width)
        to_height, to_width = max(1, round(height * scale)), max(1, round(width * scale))
        middle, left = (self.window[0] - to_height) // 2, (self.window[1] - to_width) // 2
        return [View(0, 0, height, width, to_height, to_width, middle + int(step), left) for step in self.steps]
