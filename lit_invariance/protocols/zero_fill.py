"""The picture moved by one pixel over an empty canvas: the effect of a border."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from lit_invariance.protocols.embed import DIRECTIONS
from lit_invariance.protocols.moved import Moved, Offset
from lit_invariance.protocols.protocol import BACKGROUNDS, one_of


@dataclass(frozen=True, kw_only=True)
class ZeroFill(Moved):
    """The S x S picture, and the same one pixel further with its uncovered border black. T = 2; nothing is drawn.

    The shift that pads with zeros, as data pipelines commonly do [choice]. The picture is that of `centre_crop`; one
    row and column leave at the bottom and right, and black ones come in at the top and left. Its only difference from a
    roll by one pixel is that border, so what it costs beyond `circular` at m = 1 is the border's doing.

    Args:
        direction: `"diagonal"` (+1, +1), `"vertical"` (+1 row, down) or `"horizontal"` (+1 column, to the right).
        background: `"black"` (0 before normalisation) or `"mean"` (0 after it).
    """

    name: ClassVar[str] = "zero_fill"
    unit: ClassVar[str] = "px"

    direction: str = "diagonal"
    background: str = "black"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("direction", self.direction, tuple(DIRECTIONS))
        one_of("background", self.background, BACKGROUNDS)

    @property
    def steps(self) -> tuple[float, ...]:
        """Move of each view along `direction`, in pixels."""
        return (0.0, 1.0)

    @property
    def reference(self) -> int:
        """Place of the picture that is not moved."""
        return self.steps.index(0.0)

    def offsets(self, generator: Generator) -> list[Offset]:
        """The picture where it is, and one pixel further."""
        return [(0, 0), DIRECTIONS[self.direction]]

    def move(self, picture: Tensor, down: float, right: float) -> Tensor:
        """Move the picture and fill what it leaves."""
        rows, columns = int(down), int(right)
        colour = self.mean if self.background == "mean" else (0.0,) * len(picture)
        canvas = torch.tensor(colour, dtype=picture.dtype, device=picture.device)[:, None, None]
        moved = canvas.expand_as(picture).clone()
        high, wide = self.window
        moved[:, rows:, columns:] = picture[:, : high - rows, : wide - columns]
        return moved
