"""Resizing on a processor: what `F.interpolate` computes with its antialiasing kernels, in less time."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

LEVELS = 255
KEPT = 256
"""Weights of so many pairs of lengths are kept; both axes of a square share theirs."""
ROW, LINE = 256, 16
"""`F.embedding_bag` keeps machine code for every length of row that it meets, of which there are to be few. A cache
line more than a power of two, because pixels at such a distance drive each other out of the cache."""
Values = NDArray[np.float32]


def resampled(blocks: Sequence[Tensor], height: int, width: int, interpolation: str) -> Tensor:
    """Resize blocks of one size on a processor, their rows first and then their columns, without clipping.

    Args:
        blocks: N blocks `(C, h, w)`, uint8 or float in [0, 1], in any layout; not yet of the new size.
        height: Rows afterwards.
        width: Columns afterwards.
        interpolation: A key of `KERNELS`.

    Returns:
        `(N, C, height, width)`, float32.
    """
    if blocks[0].shape[1] != height:
        as_stored = (1, 2, 0) if blocks[0].stride(0) == 1 else (1, 0, 2)
        blocks = _resized(blocks, as_stored, height, interpolation)
    if blocks[0].shape[2] != width:
        blocks = _resized(blocks, (2, 0, 1), width, interpolation)
    return torch.stack(list(blocks))


def _resized(
    blocks: Sequence[Tensor], order: tuple[int, int, int], length: int, interpolation: str
) -> Sequence[Tensor]:
    """Resize the axis that comes first in `order`: rows of memory, with what is on the other axes, are added up."""
    count, *others = blocks[0].permute(order).shape
    used = len(blocks) * math.prod(others)
    table = torch.empty(count, math.ceil(used / ROW) * ROW + LINE, dtype=torch.float32)
    table[:, used:] = 0
    for place, block in zip(_parts(table, len(blocks), others), blocks, strict=True):
        place.copy_(block.permute(order))
    levels = LEVELS if blocks[0].dtype == torch.uint8 else 1
    positions, weights, starts = _bags(count, length, interpolation, levels)
    summed = F.embedding_bag(positions, table, starts, mode="sum", per_sample_weights=weights)
    back = [order.index(axis) for axis in range(3)]
    return [part.permute(back) for part in _parts(summed, len(blocks), others)]


def _parts(table: Tensor, count: int, others: Sequence[int]) -> Sequence[Tensor]:
    """Each block's share of a table, `(n, *others)`."""
    shares = table[:, : count * math.prod(others)].view(len(table), count, *others)
    return [shares[:, number] for number in range(count)]


@lru_cache(KEPT)
def _bags(length: int, to_length: int, interpolation: str, levels: int) -> tuple[Tensor, Tensor, Tensor]:
    """The taps of all new pixels one after another: positions, weights, and where each pixel's begin."""
    positions, weights = taps(length, to_length, interpolation, levels)
    starts = np.arange(0, positions.size, positions.shape[1])
    with torch.inference_mode(False):  # they are kept, also for those who want gradients
        positions_, weights_, starts_ = map(torch.from_numpy, (positions.ravel(), weights.ravel(), starts))
    return positions_, weights_, starts_


@lru_cache(KEPT)
def taps(length: int, to_length: int, interpolation: str, levels: int = 1) -> tuple[NDArray[np.int64], Values]:
    """Return what each new pixel is the weighted sum of.

    In the order and the precision in which PyTorch computes it, so that both agree to rounding.

    Args:
        length: Pixels before.
        to_length: Pixels afterwards, L.
        interpolation: A key of `KERNELS`.
        levels: The weights of a pixel sum up to 1 / levels.

    Returns:
        Positions and weights, `(L, n)`; what some pixels have too many of weighs nothing.
    """
    radius, kernel = KERNELS[interpolation]
    scale = np.float32(length) / np.float32(to_length)
    stretch = max(scale, np.float32(1))
    centres = (scale * (np.arange(to_length) + 0.5)).astype(np.float32)
    first = np.maximum((centres - radius * stretch + 0.5).astype(np.int64), 0)
    last = np.minimum((centres + radius * stretch + 0.5).astype(np.int64), length)
    positions = first[:, None] + np.arange((last - first).max())
    weights = kernel((positions - centres[:, None] + 0.5).astype(np.float32) / stretch)
    weights[positions >= last[:, None]] = 0
    weights /= weights.sum(1, keepdims=True) * levels
    return np.minimum(positions, length - 1), weights


def _triangle(x: Values) -> Values:
    fallen: Values = 1 - np.abs(x)
    return fallen.clip(0)


def _cubic(x: Values) -> Values:
    """The kernel of Keys 1981 with a = -1/2, as in Pillow."""
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.select([x < 1, x < 2], [near, far], np.float32(0))


def _lanczos(x: Values) -> Values:
    return np.select([np.abs(x) < 3], [np.sinc(x) * np.sinc(x / 3)], np.float32(0))


KERNELS: dict[str, tuple[int, Callable[[Values], Values]]] = {
    "bilinear": (1, _triangle),
    "bicubic": (2, _cubic),
    "lanczos": (3, _lanczos),
}
"""Half-width of each kernel in pixels of the smaller picture, and the kernel."""
