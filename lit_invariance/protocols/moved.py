"""Protocols that move one picture of the network's size, so no new content appears."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from lit_invariance.protocols.protocol import Box
from lit_invariance.protocols.standard import Standard

Offset = tuple[float, float]
"""Pixels by which the picture moves down and to the right; negative ones move it up and to the left."""


@dataclass(frozen=True, kw_only=True)
class Moved(Standard):
    """A protocol whose views are the picture of `centre_crop`, of the window's size, moved by an offset each."""

    @abstractmethod
    def offsets(self, generator: Generator) -> list[Offset]:
        """Choose the offsets of the T views.

        Args:
            generator: The image's own generator.
        """

    @abstractmethod
    def move(self, picture: Tensor, down: float, right: float) -> Tensor:
        """Move the picture.

        Args:
            picture: `(C, H, W)` of the window.
            down: Rows; positive moves it down.
            right: Columns; positive moves it to the right.

        Returns:
            `(C, H, W)` of the window.
        """

    def parts(self, image: Tensor, generator: Generator, most: int, box: Box | None = None) -> Iterator[Tensor]:
        """Make the picture once and move it a few times at a time."""
        picture = self.standard_picture(image)
        offsets = self.offsets(generator)
        for start in range(0, len(offsets), most):
            yield torch.stack([self.move(picture, *offset) for offset in offsets[start : start + most]])
