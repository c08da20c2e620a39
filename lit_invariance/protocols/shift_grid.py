"""Every whole-pixel shift of a window up to some distance: the exhaustive test."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Generator

from lit_invariance.protocols.placed import Placed
from lit_invariance.protocols.protocol import at_least
from lit_invariance.protocols.room import room_for, window
from lit_invariance.protocols.view import View


@dataclass(frozen=True, kw_only=True)
class ShiftGrid(Placed):
    """The S x S window at all whole-pixel shifts up to `m` pixels on each axis. T = (2m + 1)^2; nothing is drawn.

    What adversarial shift evaluations search, read with `worst_case_accuracy` and `all_agree`: Engstrom et al.,
    "Exploring the Landscape of Spatial Robustness", ICML 2019; Michaeli et al., "Alias-Free Convnets", CVPR 2023
    [likely]. The short side is resized to `S / 0.875`, 256 at S = 224, which has room for m = 16, 1089 views;
    for a greater `m` to S + 2m [choice]. A smaller picture is enlarged.

    Shift (dy, dx) moves the window dy rows down and dx columns to the right, so the picture in it moves up and to the
    left; (0, 0) is the middle. The order is row by row: (-m, -m), (-m, -m + 1), ..., (m, m). Hence a vector over the
    views `(T,)`, of answers or of a score, is a map over the shifts by `values.view(2 * m + 1, 2 * m + 1)`, whose entry
    `[dy + m, dx + m]` is that of shift (dy, dx). Scores of neighbouring views also count the 2m steps from the end of a
    row to the beginning of the next, and `agreement` compares with the corner (-m, -m).

    Args:
        m: Greatest shift in pixels. The 3 is modest, 49 views an image [choice].
    """

    name: ClassVar[str] = "shift_grid"
    unit: ClassVar[str] = "shift"
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "worst_case_accuracy", "all_agree")

    m: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("m", self.m, 1)

    @property
    def steps(self) -> tuple[float, ...]:
        """Number of each shift in the order of the rows."""
        return tuple(float(number) for number in range((2 * self.m + 1) ** 2))

    @property
    def reference(self) -> int:
        """Place of shift (0, 0)."""
        return len(self.steps) // 2

    def views(self, height: int, width: int, generator: Generator) -> list[View]:
        """Place the windows row by row."""
        room = max(room_for(self.shorter), 2 * self.m)
        shifts = range(room // 2 - self.m, room // 2 + self.m + 1)
        return [window(height, width, self.window, room, down, right) for down in shifts for right in shifts]
