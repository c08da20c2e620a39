"""Filling a canvas around a picture: normalised convolution, repeated until all pixels are known.

Azulay & Weiss 2019, section 2, "embedding with inpainting", as their published function does it: a pixel that is not
known becomes blur(picture x known) / blur(known), known pixels stay, and what was filled is known to the next pass.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

REACH = 6
"""Lines that one pass fills on each side of what is known."""
TAPS = 12
TOLERATED, PASSES = 200, 80


class Rectangle(NamedTuple):
    """The part of a canvas that shows the picture: rows `top..bottom - 1`, columns `left..right - 1`."""

    top: int
    left: int
    bottom: int
    right: int


def blur_matrix(length: int, taps: int, device: torch.device) -> Tensor:
    """Return a blur of lines as a matrix.

    Args:
        length: Number of lines, L.
        taps: Length of the kernel, [.5, .5] convolved with itself.
        device: Where the matrix lies.

    Returns:
        `(L, L)`; output i sees the inputs from `i - taps // 2` on, and zeros beyond the ends.
    """
    matrix = torch.zeros(length, length, dtype=torch.float32, device=device)
    for tap in range(taps):
        offset = tap - taps // 2
        if abs(offset) < length:
            matrix.diagonal(offset).fill_(math.comb(taps - 1, tap) / 2 ** (taps - 1))
    return matrix


def inpaint(views: Tensor, pictures: Sequence[Rectangle]) -> Tensor:
    """Fill what lies around the picture, keeping every pixel of it.

    The kernel has 13 taps, the mean of the original's 12 taps and their mirror image, and does not drift. As it is
    separable, the known pixels are a larger rectangle after each pass; blur(known) is a product of a column and a row,
    and only the new border needs computing, from the old one. That is the definition, to rounding, at a small part of
    its cost. The original's stop at 200 unknown pixels leaves nothing out here: around a rectangle whole rows or
    columns of 224 pixels are unknown. Smaller canvases are filled to the end as well.

    Args:
        views: `(T, C, H, W)` float32; what they hold outside of the pictures does not matter.
        pictures: T rectangles within the canvas; a view with an empty one is returned black.

    Returns:
        `(T, C, H, W)` float32, new memory.
    """
    filled = torch.zeros_like(views)
    alike: dict[tuple[int, int], list[int]] = {}
    for number, place in enumerate(pictures):
        alike.setdefault((place.bottom - place.top, place.right - place.left), []).append(number)
    # Half precision, which an autocast around this would choose, is too coarse for a picture.
    with torch.autocast(views.device.type, enabled=False):
        for (height, width), numbers in alike.items():
            if height > 0 and width > 0:
                filled[numbers] = _fill_alike(views[numbers], [pictures[number] for number in numbers])
    return filled


def inpaint_original(views: Tensor, pictures: Sequence[Rectangle]) -> Tensor:
    """Fill what lies around the picture as the authors' function does, with its two peculiarities.

    Its 12 taps drift: a filled pixel sees 6 lines before and 5 after it. From the second pass on, the unknown pixels
    are the black ones, so that black pixels of the picture are filled as well. A view is done when 200 of its pixels or
    fewer are black, or after 80 passes.

    Args:
        views: `(T, C, H, W)` float32; what they hold outside of the pictures does not matter.
        pictures: T rectangles within the canvas.

    Returns:
        `(T, C, H, W)` float32, new memory.
    """
    down, across = (blur_matrix(length, TAPS, views.device) for length in views.shape[-2:])
    known = views.new_zeros(len(views), 1, *views.shape[-2:])
    for number, place in enumerate(pictures):
        known[number, :, place.top : place.bottom, place.left : place.right] = 1
    filled = views * known
    with torch.autocast(views.device.type, enabled=False):
        for _ in range(PASSES):
            black = (filled.sum(1) == 0).flatten(1).sum(1)
            left = (black > TOLERATED).nonzero().flatten()
            if not len(left):
                break
            now, mask = filled[left], known[left]
            blurred = down @ torch.cat([now * mask, mask], 1) @ across.T
            weight = blurred[:, -1:]
            now = torch.where(mask > 0, now, blurred[:, :-1] / torch.where(weight == 0, 1, weight))
            filled[left], known[left] = now, (now.sum(1, keepdim=True) != 0).float()
    return filled


def _fill_alike(views: Tensor, pictures: Sequence[Rectangle]) -> Tensor:
    """Fill views whose pictures have one size, in a common frame where the pictures coincide."""
    high, wide = views.shape[-2:]
    above, before = max(place.top for place in pictures), max(place.left for place in pictures)
    below, behind = max(high - place.bottom for place in pictures), max(wide - place.right for place in pictures)
    top, left, bottom, right = pictures[0]
    known = Rectangle(above, before, above + bottom - top, before + right - left)
    # Lines first, so that a blur across lines is one matrix product for all views and channels.
    frame = views.new_zeros(known.bottom + below, *views.shape[:2], known.right + behind)
    canvases = [(above - place.top, before - place.left) for place in pictures]
    for number, place in enumerate(pictures):
        block = views[number, :, place.top : place.bottom, place.left : place.right]
        frame[known.top : known.bottom, number, :, known.left : known.right] = block.movedim(1, 0)
    on_rows = _on_canvas(len(frame), [row for row, _ in canvases], high, views.device)
    on_columns = _on_canvas(frame.shape[-1], [column for _, column in canvases], wide, views.device)
    _grow(frame, known, on_rows, on_columns)
    cut = [frame[row : row + high, number, :, column : column + wide] for number, (row, column) in enumerate(canvases)]
    return torch.stack(cut).movedim(2, 1)


def _on_canvas(length: int, starts: Sequence[int], size: int, device: torch.device) -> Tensor:
    """`(length, T)`, 1 where a line of the frame lies on the view's canvas, else 0."""
    line, start = torch.arange(length, device=device)[:, None], torch.tensor(starts, device=device)
    return ((line >= start) & (line < start + size)).float()


def _grow(frame: Tensor, known: Rectangle, rows: Tensor, columns: Tensor) -> None:
    """Fill the frame `(H, T, C, W)` in place, pass by pass; `rows` `(H, T)` and `columns` `(W, T)` mark the canvas."""
    height, width = len(rows), len(columns)
    blur = blur_matrix(max(height, width), TAPS + 1, frame.device)
    turned = frame.permute(3, 1, 2, 0)
    while known != (0, 0, height, width):
        top, left, bottom, right = known
        known = Rectangle(
            max(top - REACH, 0), max(left - REACH, 0), min(bottom + REACH, height), min(right + REACH, width)
        )
        inner_rows, inner_columns = slice(top, bottom), slice(left, right)
        outer_columns = slice(known.left, known.right)
        across = _weights(blur, columns, inner_columns, outer_columns)
        for new in (slice(known.top, top), slice(bottom, known.bottom)):
            _add_lines(frame, blur, rows, inner_rows, new, (inner_columns, outer_columns, across))
        down = _weights(blur, rows, inner_rows, inner_rows)
        for new in (slice(known.left, left), slice(right, known.right)):
            _add_lines(turned, blur, columns, inner_columns, new, (inner_rows, inner_rows, down))


def _add_lines(
    frame: Tensor, blur: Tensor, lines: Tensor, known: slice, new: slice, along: tuple[slice, slice, Tensor]
) -> None:
    """Fill the lines `new` on one side of the lines `known`.

    Args:
        frame: `(L, T, C, M)`, lines first.
        blur: The blur of lines.
        lines: `(L, T)`, 1 on the canvas.
        known: The known lines.
        new: Up to `REACH` lines next to them.
        along: In the direction of the lines, what is known, what is to be filled, and its `_weights`.
    """
    if new.start == new.stop:
        return
    edge = slice(max(known.start, new.start - REACH), min(known.stop, new.stop + REACH))
    source, target, along_weights = along
    block = frame[edge, :, :, source]
    blurred = (blur[new, edge] @ block.reshape(len(block), -1)).view(-1, block.shape[-1]) @ blur[source, target]
    blurred = blurred.view(new.stop - new.start, *block.shape[1:3], -1)
    blurred *= _weights(blur, lines, edge, new)[:, :, None, None]
    frame[new, :, :, target] = blurred.mul_(along_weights.T[:, None])


def _weights(blur: Tensor, lines: Tensor, known: slice, wanted: slice) -> Tensor:
    """`(wanted, T)`: 1 / blur(known) for lines on the canvas, 0 for others."""
    return lines[wanted] / (blur[wanted, known] @ lines[known]).clamp_min(torch.finfo(torch.float32).tiny)
