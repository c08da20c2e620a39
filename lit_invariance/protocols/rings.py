"""The adversarial rings: the picture moved to every place up to some distance away, nearest first."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from torch import Generator, Tensor

from lit_invariance.protocols.around import Around
from lit_invariance.protocols.circular_fractional import ideal_shift
from lit_invariance.protocols.protocol import Box, at_least, one_of
from lit_invariance.protocols.room import window
from lit_invariance.protocols.standard import Standard
from lit_invariance.protocols.view import View


@dataclass(frozen=True, kw_only=True)
class Rings(Around, Standard):
    """The picture at all moves up to m pixels on either axis, ring by ring around it. T = (2m + 1)^2; nothing is drawn.

    The adversarial shifts of the alias-free transformer (Michaeli & Soudry, "Alias-Free ViT", NeurIPS 2025) [sure:
    released code]: an image counts at radius r if it is right at the reference and at every move whose greater axis is
    r or less. Its cyclic rings are centred at the greatest shift instead of 0, which labels them wrongly; these are
    centred at 0. The m of 3, 49 views, is modest [choice]; 8 makes 289. Results hold the accuracy at each radius.

    Neighbouring views are one step of the spiral apart (see `spiral`), also from one ring to the next, so that scores
    of neighbours are those of smallest moves.

    Args:
        border: `"crop"`: the reference is the window in the middle of a picture of (S + 2m)^2 pixels, see `larger`; a
            move cuts the window elsewhere, so that new content appears. `"cyclic"`: the reference is the picture of
            `centre_crop`, and what leaves it on one side comes in on the other (`torch.roll`).
        upsample: u for rings 1/u of a pixel apart, the outermost m / u away; cyclic only. It is what remains if the
            picture is enlarged u times through its Fourier transform, rolled by whole pixels, and every u-th is kept;
            it is computed at once by `ideal_shift`, and not clipped: it may leave [0, 1] as in `circular_fractional`.
    """

    name: ClassVar[str] = "rings"

    border: str = "crop"
    upsample: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("border", self.border, ("crop", "cyclic"))
        at_least("upsample", self.upsample, 1)
        if self.upsample > 1 and self.border != "cyclic":
            raise ValueError("upsample needs border: cyclic; crop_fractional moves by parts of a pixel without a wrap.")

    @property
    def rings_per_pixel(self) -> int:
        """Number of rings that lie within a pixel: `upsample`."""
        return self.upsample

    def mover(self, image: Tensor) -> Callable[[float, float], Tensor]:
        """Make the picture that is rolled, or the larger one that windows are cut from."""
        if self.border == "cyclic":
            return partial(ideal_shift, self.standard_picture(image))
        return partial(self._cut, self.larger(image, self.m))

    def placed(self, height: int, width: int, generator: Generator, box: Box | None = None) -> list[View] | None:
        """Place the windows of the larger picture; what is rolled has no place."""
        if self.border == "cyclic":
            return None
        room = self.room(self.m)
        moves = [(room // 2 - int(down), room // 2 - int(right)) for down, right in self.moves]
        return [window(height, width, self.window, room, *to) for to in moves]

    def _cut(self, picture: Tensor, down: float, right: float) -> Tensor:
        rows, columns = self.window
        top, left = self.m - int(down), self.m - int(right)
        return picture[:, top : top + rows, left : left + columns]
