"""The renderer of an accelerator: views of several images in two matrix products, whatever sizes the images have.

A view is `rows @ image @ columns`: each row of a matrix holds what one pixel of the canvas is the weighted sum of, and
zeros where no picture is. What `render` does image by image and view by view are then two launches on the device.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_invariance.protocols.resampling import LEVELS, taps
from lit_invariance.protocols.view import Resizing, View, overlap, to_float
from lit_invariance.protocols.window import Size, sides

MOST_VALUES = 2**27
"""Values that the first product may have: half a gigabyte."""


class Span(NamedTuple):
    """A view along one axis: `length` source pixels from `start` on become `to_length` of the canvas from `at` on."""

    start: int
    length: int
    to_length: int
    at: int


def render_together(
    images: Sequence[Tensor], views: Sequence[Sequence[View]], size: Size, background: Sequence[float], how: Resizing
) -> Tensor:
    """Draw as many views of each of several images.

    Args:
        images: N images `(C, H, W)` of any size on one device, all uint8 or all float in [0, 1].
        views: T views of each.
        size: Side S of the canvas in pixels, or (H, W).
        background: Canvas colour, one value in [0, 1] per channel.
        how: How the rectangles are resized.

    Returns:
        `(N, T, C, H, W)`, float32 in [0, 1]: what `render` draws, to rounding.
    """
    (high, wide), device, count = sides(size), images[0].device, len(views[0])
    pictures = _padded(images)
    flat = [view for of_one in views for view in of_one]
    columns = [Span(view.left, view.width, view.to_width, view.at_left) for view in flat]
    rows = [Span(view.top, view.height, view.to_height, view.at_top) for view in flat]
    with torch.autocast(device.type, enabled=False):
        across = _matrices(columns, wide, pictures.shape[3], how.interpolation, device).view(len(images), -1, wide)
        made = pictures.flatten(1, 2) @ across.view(len(images), count * wide, -1).mT
        made = _rounded(made.view(len(images), *pictures.shape[1:3], count, wide).permute(0, 3, 1, 2, 4), how)
        down = _matrices(rows, high, pictures.shape[2], how.interpolation, device)
        made = _rounded(down.view(len(images), count, 1, high, -1) @ made, how).clamp_(0, 1)
    covered = _covered(rows, high)[:, :, None] & _covered(columns, wide)[:, None, :]
    covered = covered.to(device).view(len(images), count, 1, high, wide)
    return torch.where(covered, made, torch.tensor(background, device=device)[:, None, None])


def in_portions(images: Sequence[Tensor], views: int, width: int) -> Iterator[slice]:
    """Divide images so that what is drawn together fits into memory; an image too large for that stands alone.

    Args:
        images: N images `(C, H, W)`.
        views: Number of views of each.
        width: Columns of a view.

    Yields:
        Slices of the images, in order.
    """
    start, tallest = 0, 0
    for place, image in enumerate(images):
        tallest = max(tallest, image.shape[1])
        if place > start and (place + 1 - start) * image.shape[0] * tallest * views * width > MOST_VALUES:
            yield slice(start, place)
            start, tallest = place, image.shape[1]
    yield slice(start, len(images))


def _padded(images: Sequence[Tensor]) -> Tensor:
    """One stack `(N, C, h, w)` of float32, as high and as wide as the largest; no view looks at the rest."""
    floats = [to_float(image) for image in images]
    height, width = (max(image.shape[axis] for image in images) for axis in (1, 2))
    stack = floats[0].new_zeros(len(images), images[0].shape[0], height, width)
    for place, image in zip(stack, floats, strict=True):
        place[:, : image.shape[1], : image.shape[2]] = image
    return stack


def _matrices(spans: Sequence[Span], size: int, longest: int, interpolation: str, device: torch.device) -> Tensor:
    """What each pixel of the canvas sums up, `(V, size, longest)`."""
    sums = [_sums(span, size, interpolation) for span in spans]
    shape = (len(spans), size, max(positions.shape[1] for positions, _ in sums))
    positions, weights = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    for place, ((of_one, weighing), span) in enumerate(zip(sums, spans, strict=True)):
        first, last = overlap(span.at, span.to_length, size)
        positions[place, first:last, : of_one.shape[1]] = of_one
        weights[place, first:last, : of_one.shape[1]] = weighing
    matrices = torch.zeros(len(spans), size, longest, device=device)
    matrices.scatter_add_(2, torch.from_numpy(positions).to(device), torch.from_numpy(weights).to(device))
    return matrices


def _sums(span: Span, size: int, interpolation: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Source pixels of the canvas pixels that a span covers, and their weights, both `(n, taps)`."""
    first, last = overlap(span.at, span.to_length, size)
    seen = slice(first - span.at, last - span.at)
    if span.length == span.to_length:
        positions = span.start + np.arange(span.length)[seen, None]
        return positions, np.ones(positions.shape, np.float32)
    positions, weights = taps(span.length, span.to_length, interpolation)
    return span.start + positions[seen], weights[seen]


def _covered(spans: Iterable[Span], size: int) -> Tensor:
    """Which pixels of the canvas a picture covers, `(V, size)`."""
    intervals = [overlap(span.at, span.to_length, size) for span in spans]
    first, last = torch.tensor(intervals).T[:, :, None].unbind()
    pixels = torch.arange(size)
    return (pixels >= first) & (pixels < last)


def _rounded(made: Tensor, how: Resizing) -> Tensor:
    """Round as `resize` does after each axis; what was not resized has whole levels already."""
    return made.clamp_(0, 1).mul_(LEVELS).round_().div_(LEVELS) if how.rounding == "uint8" else made
