"""The moves of a picture under which a network's response is watched: a cyclic one, which is exact, and the paper's."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from lit_invariance.protocols.centre_crop import CentreCrop
from lit_invariance.protocols.placed import Placed
from lit_invariance.protocols.protocol import Box, Protocol
from lit_invariance.protocols.view import View

PAPER_HEIGHT, PAPER_SIZE = 120, 224
PERIOD = 32  # after so many pixels the sampling of all usual networks repeats itself


@dataclass(frozen=True, kw_only=True)
class EmbedSweep(Placed):
    """The shrunk picture on an empty canvas, at every height: the moves of Azulay & Weiss 2018 (v1), Figures 4 and 5.

    There the picture is 120 px high on 224 and moves vertically over 104 positions, -52..+51; other sizes S follow in
    proportion. The paper fills the canvas by inpainting, this leaves it black: the border of the picture moves with it.
    """

    name: ClassVar[str] = "embed_sweep"
    unit: ClassVar[str] = "px"

    @property
    def height(self) -> int:
        """Rows of the shrunk picture."""
        return round(self.size * PAPER_HEIGHT / PAPER_SIZE)

    @property
    def steps(self) -> tuple[float, ...]:
        """Move of each view from the middle, downwards, in pixels."""
        room = self.size - self.height
        return tuple(float(top - room // 2) for top in range(room))

    def views(self, height: int, width: int, generator: Generator) -> list[View]:
        """Paste at every height, in the middle of the width; a picture too wide for the canvas is cut."""
        to_width = max(1, round(width * self.height / height))
        left = (self.size - to_width) // 2
        room = self.size - self.height
        return [View(0, 0, height, width, self.height, to_width, top, left) for top in range(room)]


@dataclass(frozen=True, kw_only=True)
class CircularSweep(Protocol):
    """The standard view, moved down pixel by pixel; what leaves at the bottom comes back at the top.

    Nothing enters or leaves, so a departure of the response is the network's own doing, up to its padding.

    Args:
        positions: Number of moves, 0..positions - 1.
    """

    name: ClassVar[str] = "circular_sweep"
    unit: ClassVar[str] = "px"

    positions: int = PERIOD

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 2 <= self.positions <= self.size:
            raise ValueError(f"positions lies in 2 to the size of {self.size}, not at {self.positions}.")

    @property
    def steps(self) -> tuple[float, ...]:
        """Move of each view downwards, in pixels."""
        return tuple(float(step) for step in range(self.positions))

    def parts(self, image: Tensor, generator: Generator, most: int, box: Box | None = None) -> Iterator[Tensor]:
        """Take the standard view and roll it."""
        crop = CentreCrop(size=self.size, mean=self.mean, interpolation=self.interpolation)
        (view,) = crop(image, generator)
        for start in range(0, self.positions, most):
            shifts = range(start, min(start + most, self.positions))
            yield torch.stack([view.roll(shift, dims=-2) for shift in shifts])
