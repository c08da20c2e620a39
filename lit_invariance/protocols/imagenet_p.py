"""The geometric sequences of ImageNet-P: the picture moving past, and zooming."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from lit_invariance.protocols.placed import Placed
from lit_invariance.protocols.protocol import Box, Protocol, at_least
from lit_invariance.protocols.room import room_for
from lit_invariance.protocols.standard import central, cover
from lit_invariance.protocols.view import View, resize, to_float

PAPER_M, PAPER_SIZE = 20, 224
ZOOMS = tuple((40 + 2.5 * frame) / 100 for frame in range(31))


@dataclass(frozen=True, kw_only=True)
class ImageNetPTranslate(Placed):
    """The picture moving from left to right behind the window, a pixel a frame. T = 41; nothing is drawn.

    Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019,
    sequence "translate": `top1_change` over the frames is their flip probability. Short side 256, the picture moved
    by -20..+20 columns (positive: to the right), then centre crop 224; what it uncovers is black, at most four columns,
    and only of pictures narrower than 264 [sure: released code]. A smaller picture is enlarged to 256.

    The published frames were stored as compressed video, which these are not. At other S the square and the move are in
    proportion [choice].

    Args:
        m: Greatest move in pixels; T = 2m + 1. None takes the published 20 of 224 in proportion to S.
    """

    name: ClassVar[str] = "imagenet_p_translate"
    unit: ClassVar[str] = "px"

    m: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("m", self.greatest, 1)

    @property
    def greatest(self) -> int:
        """Greatest move, in pixels."""
        return self.m if self.m is not None else max(1, round(self.window[1] * PAPER_M / PAPER_SIZE))

    @property
    def steps(self) -> tuple[float, ...]:
        """Columns by which the picture is moved to the right."""
        return tuple(float(move) for move in range(-self.greatest, self.greatest + 1))

    @property
    def reference(self) -> int:
        """Place of the picture that is not moved."""
        return self.steps.index(0.0)

    def views(self, height: int, width: int, generator: Generator) -> list[View]:
        """Place the picture once for each move."""
        to_height, to_width, top, left = _framed(height, width, self.window)
        moves = range(-self.greatest, self.greatest + 1)
        return [View(0, 0, height, width, to_height, to_width, -top, move - left) for move in moves]


@dataclass(frozen=True, kw_only=True)
class ImageNetPScale(Protocol):
    """The picture zoomed about its centre, from .40 to 1.15 in steps of .025. T = 31; nothing is drawn.

    Hendrycks & Dietterich, ICLR 2019, sequence "scale": `top1_change` over the frames is their flip probability.
    Short side 256, the picture scaled about its centre on a black canvas of its own size, then centre crop 224. The
    zoom is bilinear between the four nearest pixels, **without** an antialiasing kernel, and a sample beyond the
    picture's edge is black [sure: released code, with torchvision's present definition of the centre]. `interpolation`
    is that of the resizing to 256 alone. A smaller picture is enlarged to 256.

    The published frames were stored as compressed video, which these are not. At other S the square is in proportion
    [choice].
    """

    name: ClassVar[str] = "imagenet_p_scale"
    unit: ClassVar[str] = "zoom"

    @property
    def steps(self) -> tuple[float, ...]:
        """Zoom of each frame; below 1 the picture is smaller than it was."""
        return ZOOMS

    @property
    def reference(self) -> int:
        """Place of the picture at its own size."""
        return ZOOMS.index(1.0)

    def parts(self, image: Tensor, generator: Generator, most: int, box: Box | None = None) -> Iterator[Tensor]:
        """Resize the picture once, then sample a few zooms at a time."""
        height, width = image.shape[-2:]
        to_height, to_width, top, left = _framed(height, width, self.window)
        picture = to_float(resize([image], (to_height, to_width), self.resizing)[0])
        for start in range(0, len(ZOOMS), most):
            zooms = ZOOMS[start : start + most]
            rows = _samples(to_height, top, self.window[0], zooms).to(picture.device)
            columns = _samples(to_width, left, self.window[1], zooms).to(picture.device)
            yield _sample(picture, rows, columns)


def _samples(length: int, first: int, count: int, zooms: tuple[float, ...]) -> Tensor:
    """Where the window's pixels lie in the picture at each zoom, in its half-lengths from its centre, `(t, count)`."""
    from_centre = torch.arange(count, dtype=torch.float64) + first + 0.5 - length / 2
    return from_centre / torch.tensor(zooms, dtype=torch.float64)[:, None] * (2 / length)


def _framed(height: int, width: int, window: tuple[int, int]) -> tuple[int, int, int, int]:
    """Height and width of the resized picture, and first row and column of the central window."""
    room = room_for(min(window))
    to_height, to_width = cover(height, width, (window[0] + room, window[1] + room))
    return to_height, to_width, central(to_height, window[0]), central(to_width, window[1])


def _sample(picture: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Sample `(C, h, w)` at every pair of `rows` `(t, H)` and `columns` `(t, W)` in [-1, 1]; black beyond."""
    inside = (_within(rows)[:, :, None] & _within(columns)[:, None, :])[:, None]
    shape = (*rows.shape, columns.shape[1])
    grid = torch.stack([columns[:, None, :].expand(shape), rows[:, :, None].expand(shape)], dim=-1).float()
    pictures = picture.expand(len(rows), *picture.shape)
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False) * inside


def _within(places: Tensor) -> Tensor:
    return (places >= -1) & (places < 1)
