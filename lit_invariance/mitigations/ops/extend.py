"""Extend feature maps beyond their border, by any margin, without losing channels_last."""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_invariance.mitigations.ops.convolved import fold

Margins = tuple[int, int, int, int]


def extend(maps: Tensor, margins: Margins, mode: str, value: float = 0.0) -> Tensor:
    """Surround maps by a constant or by samples of their own, as `torch.nn.functional.pad` does where that can.

    Unlike there, a margin may be larger than the map: the map is then repeated or mirrored as often as it takes, as
    `numpy.pad` does, and `reflect` repeats the only sample of a map of one. channels_last is kept, and the gradient is
    allowed in deterministic mode.

    Args:
        maps: Feature maps, (N, C, H, W), any float type.
        margins: Samples to add above, below, left and right, from 0.
        mode: `circular`, `reflect`, `replicate`, or `zeros` for a constant, as convolutions name it.
        value: The constant of `zeros`.

    Returns:
        The maps, (N, C, above + H + below, left + W + right).
    """
    if not any(margins):
        return maps
    if mode == "zeros":
        above, below, left, right = margins
        return F.pad(maps, (left, right, above, below), value=value)
    return cast(Tensor, _Extend.apply(maps, margins, mode))


class _Extend(torch.autograd.Function):
    """A zero pad whose border is then filled from within: torch's own circular pad leaves channels_last."""

    @staticmethod
    def forward(maps: Tensor, margins: Margins, mode: str) -> Tensor:
        above, below, left, right = margins
        extended = F.pad(maps, (left, right, above, below))
        for dim, border, source in _borders(maps, margins, mode):
            extended.index_copy_(dim, border, extended.index_select(dim, source))
        return extended

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Margins, str], output: Tensor) -> None:
        maps, ctx.margins, ctx.mode = inputs
        ctx.size = maps.shape[2:]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        height, width = ctx.size
        above, _, left, _ = ctx.margins
        inner = gradients[0].narrow(2, above, height).narrow(3, left, width)
        gradient = gradients[0].clone()
        for dim, border, source in reversed(_borders(inner, ctx.margins, ctx.mode)):
            gradient.index_add_(dim, source, gradient.index_select(dim, border))
        layout = torch.channels_last if inner.stride(1) == 1 else torch.contiguous_format
        inner = gradient.narrow(2, above, height).narrow(3, left, width)
        return inner.contiguous(memory_format=layout), None, None


def _borders(maps: Tensor, margins: Margins, mode: str) -> list[tuple[int, Tensor, Tensor]]:
    """For rows, then columns: the dimension, the added positions and the positions they repeat, in the extended map."""
    borders = []
    for dim, (before, after) in ((2, margins[:2]), (3, margins[2:])):
        size = maps.shape[dim]
        outside = torch.cat(
            [
                torch.arange(-before, 0, device=maps.device),
                torch.arange(size, size + after, device=maps.device),
            ]
        )
        borders.append((dim, outside + before, fold(outside, size, mode) + before))
    return borders
