"""The picture moved by parts of a pixel, with its true surroundings instead of a wrap."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from torch import Tensor

from lit_invariance.protocols.around import Around


@dataclass(frozen=True, kw_only=True)
class CropFractional(Around):
    """The picture moved by up to a pixel in steps of 1/m on both axes, ring by ring. T = (2m + 1)^2; nothing is drawn.

    The adversarial fractional shifts of the alias-free transformer (Michaeli & Soudry, "Alias-Free ViT", NeurIPS 2025)
    [sure: released code]: of a picture of (S + 2)^2 pixels (see `larger`) the inner S^2 are sampled at moves of k/m
    pixels, k = -m..m, each pixel bilinearly from the four around its place (`align_corners=True` in PyTorch's words).
    Unlike `circular_fractional` it has no wrap. The interpolation blurs every view but the nine that are whole pixels
    away, most at half a pixel, so a change may also be the blur's. The m of 3, 49 views, is a [choice].

    Args:
        m: Number of rings within a pixel.
    """

    name: ClassVar[str] = "crop_fractional"

    @property
    def rings_per_pixel(self) -> int:
        """All of them."""
        return self.m

    def mover(self, image: Tensor) -> Callable[[float, float], Tensor]:
        """Make the picture with a pixel around it."""
        return partial(self._sampled, self.larger(image, 1))

    def _sampled(self, picture: Tensor, down: float, right: float) -> Tensor:
        rows, columns = self.window
        return _between(_between(picture, down, -2, rows), right, -1, columns)


def _between(picture: Tensor, distance: float, axis: int, length: int) -> Tensor:
    """Take the inner lines of an axis after a move by up to one of them, each between its two neighbours."""
    whole = math.floor(distance)
    rest = distance - whole
    lines = picture.narrow(axis, 1 - whole, length)
    return lines if rest == 0 else lines.lerp(picture.narrow(axis, -whole, length), rest)
