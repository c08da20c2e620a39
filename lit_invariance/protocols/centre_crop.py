"""The picture as a network is usually given it: the view on which plain accuracy is measured."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Generator

from lit_invariance.protocols.placed import Placed
from lit_invariance.protocols.view import View

CROP_FRACTION = 0.875


def short_side(shortest: int, size: int) -> int:
    """Length to which the short side is resized before the centre crop.

    ImageNet practice resizes to `S / 0.875` and crops S. A picture that lies between the two is not enlarged first, so
    that data sets made at the network's own size (CIFAR at 32) are shown whole.

    Args:
        shortest: Short side of the image in pixels.
        size: Side S of the crop in pixels.

    Returns:
        The short side after resizing, in pixels.
    """
    return min(max(shortest, size), round(size / CROP_FRACTION))


@dataclass(frozen=True, kw_only=True)
class CentreCrop(Placed):
    """Resize the short side, crop the central square. T = 1, so that only accuracy is defined.

    The resizing never enlarges beyond S (see `short_side`); a 500 x 375 image at S = 224 is resized to 341 x 256, as
    the published ImageNet evaluations do.
    """

    name: ClassVar[str] = "centre_crop"
    unit: ClassVar[str] = "view"
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "top5_accuracy")

    @property
    def steps(self) -> tuple[float, ...]:
        """A single view, at 0."""
        return (0.0,)

    def views(self, height: int, width: int, generator: Generator) -> list[View]:
        """Place the central square; nothing is drawn."""
        shortest = min(height, width)
        scale = short_side(shortest, self.size) / shortest
        to_height, to_width = round(height * scale), round(width * scale)
        at_top, at_left = -((to_height - self.size) // 2), -((to_width - self.size) // 2)
        return [View(0, 0, height, width, to_height, to_width, at_top, at_left)]
