"""A view: a rectangle of the image, resized and placed on a canvas; and the one renderer all protocols share."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_invariance.protocols.window import Size, sides

LEVELS = 255


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


def resize(block: Tensor, height: int, width: int, how: Resizing) -> Tensor:
    """Resize `(C, h, w)` to `(C, height, width)`, clipped to [0, 1]; a block of that size is left as it is."""
    if how.rounding == "float":
        return _interpolated(block, height, width, how.interpolation)
    for to_height in (block.shape[-2], height):
        block = _rounded(block, _interpolated(block, to_height, width, how.interpolation))
    return block


def _interpolated(block: Tensor, height: int, width: int, interpolation: str) -> Tensor:
    if block.shape[-2:] == (height, width):
        return block
    resized = F.interpolate(block[None], (height, width), mode=interpolation, align_corners=False, antialias=True)
    # A bicubic or Lanczos kernel has negative lobes and overshoots at edges; a picture does not.
    return resized[0].clamp_(0, 1)


def _rounded(before: Tensor, after: Tensor) -> Tensor:
    """Round what was resized to 256 levels."""
    return after if after is before else after.mul_(LEVELS).round_().div_(LEVELS)


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
    image, (high, wide) = to_float(image), sides(size)
    canvas = torch.tensor(background, dtype=torch.float32, device=image.device)[:, None, None]
    stack = canvas.expand(len(views), image.shape[0], high, wide).contiguous()
    resized: dict[tuple[int, ...], Tensor] = {}
    for number, view in enumerate(views):
        key = view[:6]
        if key not in resized:
            source = image[:, view.top : view.top + view.height, view.left : view.left + view.width]
            resized[key] = resize(source, view.to_height, view.to_width, how)
        rows, columns = overlap(view.at_top, view.to_height, high), overlap(view.at_left, view.to_width, wide)
        block = resized[key][:, rows[0] - view.at_top : rows[1] - view.at_top]
        stack[number, :, rows[0] : rows[1], columns[0] : columns[1]] = block[
            :, :, columns[0] - view.at_left : columns[1] - view.at_left
        ]
    return stack


def overlap(at: int, length: int, size: int) -> tuple[int, int]:
    """Canvas interval `[start, stop)` that a block of `length` pixels beginning at `at` covers."""
    start = min(max(at, 0), size)
    return start, max(min(at + length, size), start)
