"""The standard view at many cyclic moves: a layer's response to them has no border effects."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from lit_invariance.protocols.protocol import Box
from lit_invariance.protocols.standard import Standard

PERIOD = 32  # after so many pixels the sampling of all usual networks repeats itself


@dataclass(frozen=True, kw_only=True)
class CircularSweep(Standard):
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
        if not 2 <= self.positions <= self.window[0]:
            raise ValueError(f"positions must be from 2 to the height of {self.window[0]}, not {self.positions}.")

    @property
    def steps(self) -> tuple[float, ...]:
        """Move of each view downwards, in pixels."""
        return tuple(float(step) for step in range(self.positions))

    def parts(self, image: Tensor, generator: Generator, most: int, box: Box | None = None) -> Iterator[Tensor]:
        """Take the standard view and roll it."""
        view = self.standard_picture(image)
        for start in range(0, self.positions, most):
            shifts = range(start, min(start + most, self.positions))
            yield torch.stack([view.roll(shift, dims=-2) for shift in shifts])
