"""The picture rolled by half pixels, through the Fourier transform or by averaging neighbours."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from lit_invariance.protocols.circular import Rolled
from lit_invariance.protocols.moved import Offset
from lit_invariance.protocols.protocol import draw, one_of


@dataclass(frozen=True, kw_only=True)
class CircularFractional(Rolled):
    """The S x S picture rolled by whole pixels, and rolled to a place half a pixel off on both axes. T = 2.

    Michaeli et al., "Alias-Free Convnets: Fractional Shift Invariance via Polynomial Activations", CVPR 2023:
    whole-pixel shifts are not enough, since a network can be exact on the grid and wrong between. As `circular`, but
    the second offset is uniform over the half-pixel places -m + 1/2, ..., m - 1/2, so that the two views always differ
    by an odd number of half pixels on both axes, as they do in the released code, whose first view is not moved [sure];
    the first one's whole-pixel offset is uniform over -m..m [choice]. Positive moves the picture down or right.

    **The ideal shift is not clipped**: between bright and dark pixels the band-limited picture overshoots, so the
    second view may leave [0, 1]. Clipping would add the aliases that the shift is meant to be free of, and a shift
    there and back would no longer restore the picture.

    Args:
        shift: `"ideal"`: band-limited interpolation (`ideal_shift`); `"bilinear"`: the mean of the four neighbours,
            which stays in [0, 1] but blurs the second view.
    """

    name: ClassVar[str] = "circular_fractional"

    shift: str = "ideal"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("shift", self.shift, tuple(SHIFTS))

    def offsets(self, generator: Generator) -> list[Offset]:
        """Draw a place on the grid and one between."""
        m = self.greatest
        whole = draw(-m, m, generator), draw(-m, m, generator)
        return [whole, (draw(-m, m - 1, generator) + 0.5, draw(-m, m - 1, generator) + 0.5)]

    def move(self, picture: Tensor, down: float, right: float) -> Tensor:
        """Roll the picture."""
        return SHIFTS[self.shift](picture, down, right)


def ideal_shift(picture: Tensor, down: float, right: float) -> Tensor:
    """Roll a picture by any distance, as if it were a sampled periodic band-limited image.

    Each frequency's phase is turned. At the Nyquist frequency of an even size, +N/2 and -N/2 have the same samples;
    both halves are turned and added, which gives the real factor cos(pi d) and, at half a pixel, silences it. So the
    result is real, and half-pixel shifts add up exactly for pictures without Nyquist frequency and for odd sizes.

    Args:
        picture: `(..., H, W)`, float.
        down: Rows; positive moves it down.
        right: Columns; positive moves it to the right.

    Returns:
        As `picture`; whole-pixel distances are copied exactly.
    """
    return _ideal(_ideal(picture, down, -2), right, -1)


def bilinear_shift(picture: Tensor, down: float, right: float) -> Tensor:
    """Roll a picture by any distance, interpolating linearly between neighbours.

    Args:
        picture: `(..., H, W)`, float.
        down: Rows; positive moves it down.
        right: Columns; positive moves it to the right.

    Returns:
        As `picture`.
    """
    return _bilinear(_bilinear(picture, down, -2), right, -1)


SHIFTS = {"ideal": ideal_shift, "bilinear": bilinear_shift}


def _ideal(picture: Tensor, distance: float, axis: int) -> Tensor:
    whole = math.floor(distance)
    rolled, rest = picture.roll(whole, axis), distance - whole
    if rest == 0:
        return rolled
    length = picture.shape[axis]
    angles = torch.arange(length // 2 + 1, dtype=torch.float64) * (-2 * math.pi * rest / length)
    turn = torch.polar(torch.ones_like(angles), angles)
    if length % 2 == 0:
        # Back ends differ in what they make of an imaginary part here, which no real picture has.
        turn[-1] = turn[-1].real.clone()
    spectrum = torch.fft.rfft(rolled, dim=axis)
    turn = turn.to(spectrum.device, spectrum.dtype)
    turned: Tensor = torch.fft.irfft(spectrum * (turn[:, None] if axis == -2 else turn), n=length, dim=axis)
    return turned


def _bilinear(picture: Tensor, distance: float, axis: int) -> Tensor:
    whole = math.floor(distance)
    return picture.roll(whole, axis).lerp(picture.roll(whole + 1, axis), distance - whole)
