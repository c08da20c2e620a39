"""A view: a rectangle of the image, resized and placed on a canvas; and the one renderer all protocols share."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_invariance.protocols.resampling import LEVELS, resampled
from lit_invariance.protocols.window import Size, sides

FEW = 128 * 128
"""Pixels up to which PyTorch's own resizing is faster than the weights of ours are computed. To a single column it is
wrong on a processor: 2 x 1 pixels (1, 0) become (1, 1, 1) of 3 x 1."""


class View(NamedTuple):
    """Where one view takes its pixels from and where it puts them. All values are whole pixels.

    Attributes:
        top: First source row.
        left: First source column.
        height: Source rows.
        width: Source columns.
        to_height: Rows after resizing.
        to_width: Columns after resizing.
        at_top: Canvas row of the resized block's first row; negative cuts rows off.
        at_left: Canvas column of the resized block's first column; negative cuts columns off.
    """

    top: int
    left: int
    height: int
    width: int
    to_height: int
    to_width: int
    at_top: int
    at_left: int


def to_float(image: Tensor) -> Tensor:
    """Bring `(C, H, W)`, uint8 or float in [0, 1], to float32 in [0, 1]."""
    return image.float() / LEVELS if image.dtype == torch.uint8 else image.float()


class Resizing(NamedTuple):
    """How a block of pixels is brought to another size.

    Attributes:
        interpolation: `"bilinear"`, `"bicubic"` or `"lanczos"`; all with an antialiasing kernel.
        rounding: `"uint8"` rounds to 256 levels after the columns and again after the rows, as Pillow does; `"float"`
            does not.
    """

    interpolation: str = "bilinear"
    rounding: str = "float"


def resize(blocks: Sequence[Tensor], to: tuple[int, int], how: Resizing) -> Sequence[Tensor]:
    """Resize blocks of one size `(C, h, w)`, uint8 or float in [0, 1], to float32 clipped to [0, 1].

    Blocks of the new size are left as they are, uint8 too.
    """
    if how.rounding == "float":
        return _interpolated(blocks, *to, how.interpolation)
    for to_height in (blocks[0].shape[-2], to[0]):
        blocks = _rounded(blocks, _interpolated(blocks, to_height, to[1], how.interpolation))
    return blocks


def _interpolated(blocks: Sequence[Tensor], height: int, width: int, interpolation: str) -> Sequence[Tensor]:
    if blocks[0].shape[-2:] == (height, width):
        return blocks
    if blocks[0].device.type == "cpu" and (_is_large(blocks[0], height, width) or width == 1):
        resized = resampled(blocks, height, width, interpolation)
    else:
        mode, batch = interpolation, to_float(torch.stack(list(blocks)))
        resized = F.interpolate(batch, (height, width), mode=mode, align_corners=False, antialias=True)
    # A bicubic or Lanczos kernel has negative lobes and overshoots at edges; a picture does not.
    return resized.clamp_(0, 1).unbind()


def _is_large(block: Tensor, height: int, width: int) -> bool:
    return max(block.shape[-2] * block.shape[-1], height * width) > FEW


def _rounded(before: Sequence[Tensor], after: Sequence[Tensor]) -> Sequence[Tensor]:
    """Round what was resized to 256 levels."""
    return after if after is before else [block.mul(LEVELS).round_().div_(LEVELS) for block in after]


def render(image: Tensor, views: Sequence[View], size: Size, background: Sequence[float], how: Resizing) -> Tensor:
    """Draw views of one image.

    A rectangle that several views resize alike is resized once: nine overlapping windows cost one resize.

    Args:
        image: `(C, H, W)`, uint8 or float in [0, 1].
        views: T views.
        size: Side S of the canvas in pixels, or (H, W).
        background: Canvas colour, one value in [0, 1] per channel.
        how: How the rectangles are resized.

    Returns:
        `(T, C, H, W)`, float32 in [0, 1], on the image's device.
    """
    high, wide = sides(size)
    canvas = torch.tensor(background, dtype=torch.float32, device=image.device)[:, None, None]
    stack = torch.empty(len(views), image.shape[0], high, wide, dtype=torch.float32, device=image.device)
    blocks = _blocks(image, views, how)
    for number, view in enumerate(views):
        rows, columns = overlap(view.at_top, view.to_height, high), overlap(view.at_left, view.to_width, wide)
        block = blocks[view[:6]][:, rows[0] - view.at_top : rows[1] - view.at_top]
        if (*rows, *columns) != (0, high, 0, wide):
            stack[number] = canvas
        place = stack[number, :, rows[0] : rows[1], columns[0] : columns[1]]
        place.copy_(block[:, :, columns[0] - view.at_left : columns[1] - view.at_left])
        if block.dtype == torch.uint8:
            place.div_(LEVELS)
    return stack


def _blocks(image: Tensor, views: Sequence[View], how: Resizing) -> dict[tuple[int, ...], Tensor]:
    """Each rectangle of the image as the views resize it; all that are resized alike go together."""
    alike: dict[tuple[int, int, int, int], list[tuple[int, int]]] = {}
    for view in dict.fromkeys(view[:6] for view in views):
        alike.setdefault(view[2:], []).append(view[:2])
    blocks: dict[tuple[int, ...], Tensor] = {}
    for (height, width, *to), corners in alike.items():
        sources = [image[:, top : top + height, left : left + width] for top, left in corners]
        resized = resize(sources, (to[0], to[1]), how)
        blocks |= {(*at, height, width, *to): block for at, block in zip(corners, resized, strict=True)}
    return blocks


def overlap(at: int, length: int, size: int) -> tuple[int, int]:
    """Canvas interval `[start, stop)` that a block of `length` pixels beginning at `at` covers."""
    start = min(max(at, 0), size)
    return start, max(min(at + length, size), start)
