"""A window that moves down the diagonal of the picture, one pixel at a time."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Generator

from lit_invariance.protocols.placed import Placed
from lit_invariance.protocols.room import room_for, window
from lit_invariance.protocols.view import View


@dataclass(frozen=True, kw_only=True)
class Diagonal(Placed):
    """All S x S windows on the diagonal of the picture's central square. T = 33 at S = 224; nothing is drawn.

    Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019, section 4, where `total_variation` is read
    from it. Short side 256, centre crop 256, windows at (t, t) for t = 0..32, so that the window moves down and to the
    right and the picture in it up and to the left [sure: released code]. A smaller picture is enlarged. At other S the
    square is `S / 0.875` and every diagonal window is shown [choice]: 6 at S = 32.
    """

    name: ClassVar[str] = "diagonal"
    unit: ClassVar[str] = "px"
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "top1_change", "total_variation")

    @property
    def steps(self) -> tuple[float, ...]:
        """First row and column of each window in the square."""
        return tuple(float(step) for step in range(room_for(self.shorter) + 1))

    @property
    def reference(self) -> int:
        """Place of the window in the middle."""
        return room_for(self.shorter) // 2

    def views(self, height: int, width: int, generator: Generator) -> list[View]:
        """Place the windows from the top left to the bottom right."""
        room = room_for(self.shorter)
        return [window(height, width, self.window, room, step, step) for step in range(room + 1)]
