"""A random square of the picture, and the same square one pixel further down and to the right."""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Generator

from lit_invariance.protocols.placed import Placed
from lit_invariance.protocols.protocol import draw, draw_uniform, one_of
from lit_invariance.protocols.view import View

NETWORK_MARGIN = 10


@dataclass(frozen=True, kw_only=True)
class Crop(Placed):
    """A random square, moved diagonally by one pixel and resized to S. T = 2. For S of H x W, a rectangle as high.

    Azulay & Weiss 2019, section 2, "crop". The area is drawn uniformly from `area` (a share of the picture) as far as a
    square of that area and its move fit into the picture, which is what redrawing one that does not fit amounts to; the
    location is uniform.

    Args:
        area: Least and greatest area of the square, as shares of the picture's. The paper does not print it; [0.08, 1]
            is the range of the usual random resized crop.
        shift_in: `"source"`: the square moves by one pixel of the picture, then each view is resized to S.
            `"network"`: the square is resized to S + 10 once and two S x S windows one pixel apart are cut from it, so
            that the move is one pixel for the network.
    """

    name: ClassVar[str] = "crop"
    unit: ClassVar[str] = "px"

    area: tuple[float, float] = (0.08, 1.0)
    shift_in: str = "source"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("shift_in", self.shift_in, ("source", "network"))
        if len(self.area) != 2 or not 0 < self.area[0] <= self.area[1] <= 1:
            raise ValueError(f"area is a pair of shares, 0 < least <= greatest <= 1, not {self.area}.")
        object.__setattr__(self, "area", tuple(self.area))  # a config gives a list, which has no hash

    @property
    def steps(self) -> tuple[float, ...]:
        """Diagonal move of each view in pixels of the picture or of the network, as `shift_in` says."""
        return (0.0, 1.0)

    def views(self, height: int, width: int, generator: Generator) -> list[View]:
        """Draw the square and place it twice."""
        move, (high, wide) = 1 if self.shift_in == "source" else 0, self.window
        rows, columns = self._cut(height, width, move, generator)
        top, left = draw(0, height - rows - move, generator), draw(0, width - columns - move, generator)
        if self.shift_in == "source":
            return [View(top + t, left + t, rows, columns, high, wide, 0, 0) for t in range(2)]
        to, start = (high + NETWORK_MARGIN, wide + NETWORK_MARGIN), draw(0, NETWORK_MARGIN - 1, generator)
        return [View(top, left, rows, columns, *to, -(start + t), -(start + t)) for t in range(2)]

    def _cut(self, height: int, width: int, move: int, generator: Generator) -> tuple[int, int]:
        """Draw the rectangle's rows and columns: its shorter side, and the longer one in the window's proportion."""
        if min(height, width) - move < 1:
            raise ValueError(f"an image of {width} x {height} pixels is too small for a square and its move.")
        high, wide = (side / self.shorter for side in self.window)
        longest = min((height - move) / high, (width - move) / wide)
        greatest = min(self.area[1], longest * longest * high * wide / (height * width))
        share = draw_uniform(min(self.area[0], greatest), greatest, generator)
        side = min(math.sqrt(share * height * width / (high * wide)), longest)
        rows, columns = (max(round(side * part), 1) for part in (high, wide))
        return rows, columns
