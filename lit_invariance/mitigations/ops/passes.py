"""Filter along rows, then along columns, as sums of shifted slices: the fastest way on a CPU.

Images go through in portions that stay in the cache between the two axes.
"""

from collections.abc import Iterator, Sequence
from math import frexp

import torch
from torch import Tensor

from lit_invariance.mitigations.ops.pieces import gathering, run, scattering

PORTION = 1 << 21  # values that a portion of images may have; measured best of 2**18 to 2**23


def filtered(images: Tensor, taps: Sequence[float], stride: tuple[int, int], padding: str) -> Tensor:
    """Filter and subsample feature maps; `low_pass` describes arguments and result."""
    outer, scaled = _outer_taps_one(taps)
    height, width = images.shape[2:]
    along_rows = gathering(scaled, stride[0], height, padding)
    along_columns = gathering(scaled, stride[1], width, padding)
    rows, columns = -(-height // stride[0]), -(-width // stride[1])
    result = _empty(images, rows, columns)
    for source, between, target in _portions(images, result, (rows, width)):
        run(along_rows, source, between, 2)
        run(along_columns, between, target, 3)
        if outer != 1:
            target.mul_(outer**2)
    return result


def spread(
    gradient: Tensor, size: tuple[int, int], taps: Sequence[float], stride: tuple[int, int], padding: str
) -> Tensor:
    """The transpose of `filtered`: from a gradient of its result to one of its images, which are (N, C, *size)."""
    outer, scaled = _outer_taps_one(taps)
    along_rows = scattering(scaled, stride[0], size[0], padding)
    along_columns = scattering(scaled, stride[1], size[1], padding)
    result = _empty(gradient, *size)
    for source, between, target in _portions(gradient, result, (gradient.shape[2], size[1])):
        run(along_columns, source if outer == 1 else source * outer**2, between, 3)
        run(along_rows, between, target, 2)
    return result


def _outer_taps_one(taps: Sequence[float]) -> tuple[float, tuple[float, ...]]:
    """A factor of the filter, and what is left of it: an outer tap of one saves a multiplication at every sample.

    Only a power of two is taken out, as that of a binomial filter is: short of overflow, it rounds nothing.
    """
    outer = taps[0]
    if not (2**-10 <= outer <= 1 and frexp(outer)[0] == 0.5):
        outer = 1.0
    return outer, tuple(tap / outer for tap in taps)


def _portions(source: Tensor, target: Tensor, size: tuple[int, int]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Some images at a time, with room for maps of a size in between.

    In float32 at least; a narrower target is written when its portion is done.
    """
    count = max(1, PORTION * len(source) // max(1, source.numel(), target.numel()))
    exact = source.dtype if source.element_size() > 2 else torch.float32
    room = _empty(source[:count], *size, dtype=exact)
    for start in range(0, len(source), count):
        part, goal = source[start : start + count], target[start : start + count]
        written = goal if goal.dtype == exact else torch.empty_like(goal, dtype=exact)
        yield part.to(exact), room[: len(part)], written
        if written is not goal:
            goal.copy_(written)


def _empty(like: Tensor, rows: int, columns: int, dtype: torch.dtype | None = None) -> Tensor:
    last = like.stride(1) == 1 and not like.is_contiguous()
    layout = torch.channels_last if last else torch.contiguous_format
    return torch.empty(
        (*like.shape[:2], rows, columns), dtype=dtype or like.dtype, device=like.device, memory_format=layout
    )
