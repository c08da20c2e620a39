"""What a canvas shows outside of the picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Generator, Tensor

from lit_invariance.protocols.inpainting import Rectangle, inpaint, inpaint_original
from lit_invariance.protocols.placed import Placed
from lit_invariance.protocols.protocol import BACKGROUNDS, Box, one_of
from lit_invariance.protocols.view import View, overlap

INPAINTINGS = {"inpaint": inpaint, "inpaint_original": inpaint_original}


@dataclass(frozen=True, kw_only=True)
class OnBackground(Placed):
    """A protocol whose pictures leave part of the canvas to a background.

    Args:
        background: `"black"` (0 before normalisation), `"mean"` (0 after it, as in the authors' script), `"inpaint"`
            (continues the picture, see `inpaint`) or `"inpaint_original"` (with the peculiarities of the authors'
            function, see `inpaint_original`).
    """

    background: str = "black"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("background", self.background, (*BACKGROUNDS, *INPAINTINGS))

    @property
    def canvas(self) -> tuple[float, ...]:
        """Colour of the background."""
        return self.mean if self.background == "mean" else super().canvas

    def placed(self, height: int, width: int, generator: Generator, box: Box | None = None) -> list[View] | None:
        """Place all views, unless their background is made of the picture."""
        return None if self.background in INPAINTINGS else super().placed(height, width, generator, box)

    def finished(self, stack: Tensor, views: Sequence[View]) -> Tensor:
        """Fill the background of views."""
        if self.background not in INPAINTINGS:
            return stack
        return INPAINTINGS[self.background](stack, [self._covered(view) for view in views])

    def _covered(self, view: View) -> Rectangle:
        top, bottom = overlap(view.at_top, view.to_height, self.window[0])
        left, right = overlap(view.at_left, view.to_width, self.window[1])
        return Rectangle(top, left, bottom, right)
