"""A window on the original pixels, moved sideways over the object one pixel at a time."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import Generator, Tensor

from lit_invariance.protocols.protocol import Box, Protocol
from lit_invariance.protocols.view import View, render

PAPER_REACH, PAPER_SIZE = 88, 224


@dataclass(frozen=True, kw_only=True)
class SweepCrop(Protocol):
    """S x S windows of the picture as it is, never resized, at horizontal moves of -88..+87 pixels.

    Azulay & Weiss 2018 (arXiv 1805.12177v1), the horizontal sweep. Step 0 has the window's centre on that of the
    object's box, or of the picture where there is no box. Vertically the window stays at that centre, as far as the
    picture reaches. A picture has the steps whose window lies in it and holds the box from its left to its right edge;
    see `shown`.

    Args:
        reach: The steps are -reach..reach - 1. None takes the paper's 88 px of 224 in proportion to S.
    """

    name: ClassVar[str] = "sweep_crop"
    unit: ClassVar[str] = "px"
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "top1_change", "jaggedness", "jaggedness_share")

    reach: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self._reach < 1:
            raise ValueError(f"reach is at least 1 pixel, not {self._reach}.")

    @property
    def _reach(self) -> int:
        return self.reach if self.reach is not None else round(self.window[1] * PAPER_REACH / PAPER_SIZE)

    @property
    def steps(self) -> tuple[float, ...]:
        """Move of the window to the right, in pixels of the picture: -88..87 at S = 224."""
        return tuple(float(step) for step in range(-self._reach, self._reach))

    @property
    def reference(self) -> int:
        """Place of the picture that is not moved."""
        return self.steps.index(0.0)

    def shown(self, height: int, width: int, box: Box | None = None) -> range:
        """Tell which windows lie in the picture and hold the box from left to right.

        Args:
            height: Rows of the image.
            width: Columns of the image.
            box: Where the object is; without it all windows within the picture count.

        Returns:
            Positions in `steps`; none where there are not even two such windows.
        """
        high, wide = self.window
        least, greatest = 0, width - wide
        if box is not None:
            least, greatest = max(least, math.ceil(box[2]) - wide), min(greatest, math.floor(box[0]))
        middle = self._start(width, 0, box)
        first, last = max(least - middle, -self._reach), min(greatest - middle, self._reach - 1)
        if height < high or last <= first:
            return range(0)
        return range(first + self._reach, last + 1 + self._reach)

    def placed(self, height: int, width: int, generator: Generator, box: Box | None = None) -> list[View] | None:
        """Place the windows of `shown`; nothing is drawn."""
        middle = self._start(width, 0, box)
        high, wide = self.window
        top = min(max(self._start(height, 1, box), 0), height - high)
        lefts = [middle + int(self.steps[place]) for place in self.shown(height, width, box)]
        return [View(top, left, high, wide, high, wide, 0, 0) for left in lefts]

    def parts(self, image: Tensor, generator: Generator, most: int, box: Box | None = None) -> Iterator[Tensor]:
        """Cut the windows a few at a time."""
        windows = self.placed(image.shape[-2], image.shape[-1], generator, box) or []
        for start in range(0, len(windows), most):
            yield render(image, windows[start : start + most], self.size, self.canvas, self.resizing)

    def _start(self, length: int, axis: int, box: Box | None) -> int:
        """First row or column of the window whose centre is that of the box, or of the picture."""
        centre = length / 2 if box is None else (box[axis] + box[axis + 2]) / 2
        return math.floor(centre - self.window[1 - axis] / 2)
