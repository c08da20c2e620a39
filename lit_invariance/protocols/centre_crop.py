"""The standard view: the one on which accuracy is measured."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import Generator, Tensor

from lit_invariance.protocols.protocol import Box
from lit_invariance.protocols.standard import Standard


@dataclass(frozen=True, kw_only=True)
class CentreCrop(Standard):
    """Resize the short side, crop the central square. T = 1, so that only accuracy is defined.

    It is torchvision's Resize and CenterCrop to the pixel: the long side's fraction is cut off, the offset of the
    square is rounded. Without a recipe (`crop_pct: null`) the resizing never enlarges beyond S; a 500 x 375 image at
    S = 224 is resized to 341 x 256, as the published ImageNet evaluations do.
    """

    name: ClassVar[str] = "centre_crop"
    unit: ClassVar[str] = "view"
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "top5_accuracy")

    @property
    def steps(self) -> tuple[float, ...]:
        """A single view, at 0."""
        return (0.0,)

    def parts(self, image: Tensor, generator: Generator, most: int, box: Box | None = None) -> Iterator[Tensor]:
        """Make the one view; nothing is drawn."""
        yield self.standard_picture(image)[None]
