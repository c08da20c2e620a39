"""The picture rolled: pixels that leave on one side come in on the other."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Generator, Tensor

from lit_invariance.protocols.moved import Moved, Offset
from lit_invariance.protocols.protocol import at_least
from lit_invariance.protocols.room import two_places

PAPER_M, PAPER_SIZE = 32, 224
CIFAR_M, CIFAR_SIZE = 3, 32


@dataclass(frozen=True, kw_only=True)
class Rolled(Moved):
    """What the cyclic protocols have in common: how far they roll.

    Args:
        m: Greatest shift in pixels. None takes the published 32 of S = 224 in proportion, and 3 for S up to 32, which
            is what is published for CIFAR.
    """

    unit: ClassVar[str] = "draw"
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "agreement", "mean_absolute_change")

    m: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("m", self.greatest, 1)

    @property
    def greatest(self) -> int:
        """Greatest shift, in pixels."""
        if self.m is not None:
            return self.m
        return CIFAR_M if self.shorter <= CIFAR_SIZE else round(self.shorter * PAPER_M / PAPER_SIZE)

    @property
    def steps(self) -> tuple[float, ...]:
        """The first and the second draw."""
        return (0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Circular(Rolled):
    """The S x S picture, rolled twice by random whole-pixel offsets. T = 2; read it with `agreement`.

    Chaman & Dokmanic, "Truly shift-invariant convolutional neural networks", CVPR 2021: both views are rolled, by
    offsets of their own, m = 32 on ImageNet and 3 on CIFAR-10 [sure: released code]. The picture is that of
    `centre_crop` and goes around its borders (`torch.roll`), so that no content is lost or found: a network with
    circular padding and no aliasing cannot change its answer. A positive offset moves the picture down or right.

    Offsets are uniform over -m..m on each axis; the released code leaves +m itself out. It draws once a batch; here
    each image draws for itself and equal offsets are redrawn [choice].
    """

    name: ClassVar[str] = "circular"

    def offsets(self, generator: Generator) -> list[Offset]:
        """Draw both offsets."""
        return list(two_places(-self.greatest, self.greatest, generator))

    def move(self, picture: Tensor, down: float, right: float) -> Tensor:
        """Roll the picture."""
        return picture.roll((int(down), int(right)), (-2, -1))
