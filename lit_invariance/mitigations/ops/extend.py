"""Extend feature maps beyond their border, by any margin, without losing channels_last."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

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


def fold_back(gradient: Tensor, size: tuple[int, int], margins: Margins, mode: str) -> Tensor:
    """Add a gradient of extended maps up to that of the maps: the transpose of `extend`.

    Args:
        gradient: (N, C, above + H + below, left + W + right).
        size: Rows and columns of the maps, (H, W).
        margins: As for `extend`.
        mode: As for `extend`.

    Returns:
        The gradient of the maps, (N, C, H, W); channels_last is kept.
    """
    (height, width), (above, _, left, _) = size, margins
    layout = torch.channels_last if gradient.stride(1) == 1 else torch.contiguous_format
    if mode != "zeros" and any(margins):
        gradient = gradient.clone()
        for dim, border, source in reversed(_borders(size, margins, mode, gradient.device)):
            gradient.index_add_(dim, source, gradient.index_select(dim, border))
    return gradient.narrow(2, above, height).narrow(3, left, width).contiguous(memory_format=layout)


def fold(position: Tensor, size: int, padding: str) -> Tensor:
    """Return the position in the map of the sample that replaces one outside of the map.

    Args:
        position: Positions along one direction, any shape, int64; the map has those from 0 to `size - 1`.
        size: Number of samples of the map.
        padding: `reflect`, `replicate` or `circular`, as often as it takes.

    Returns:
        Positions in the map, of the same shape.
    """
    if padding == "circular":
        return position % size
    if padding == "replicate" or size == 1:
        return position.clamp(0, size - 1)
    return (size - 1) - (position % (2 * size - 2) - (size - 1)).abs()


def own_type(maps: Tensor) -> AbstractContextManager[object]:
    """Keep autocast from changing the type of maps, as it does in pads and convolutions."""
    kind = maps.device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()


class _Extend(torch.autograd.Function):
    """Torch's own pad, or a zero pad that is then filled from within: its circular one leaves channels_last."""

    @staticmethod
    def forward(maps: Tensor, margins: Margins, mode: str) -> Tensor:
        above, below, left, right = margins
        if mode != "circular" and max(above, below) < maps.shape[2] and max(left, right) < maps.shape[3]:
            with own_type(maps):
                return F.pad(maps, (left, right, above, below), mode=mode)
        extended = F.pad(maps, (left, right, above, below))
        for dim, border, source in _borders((maps.shape[2], maps.shape[3]), margins, mode, maps.device):
            extended.index_copy_(dim, border, extended.index_select(dim, source))
        return extended

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Margins, str], output: Tensor) -> None:
        maps, ctx.margins, ctx.mode = inputs
        ctx.size = maps.shape[2], maps.shape[3]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return fold_back(gradients[0], ctx.size, ctx.margins, ctx.mode), None, None


def _borders(
    size: tuple[int, int], margins: Margins, mode: str, device: torch.device
) -> list[tuple[int, Tensor, Tensor]]:
    """For rows, then columns: the dimension, the added positions and the positions they repeat, in the extended map."""
    borders = []
    for dim, samples, (before, after) in ((2, size[0], margins[:2]), (3, size[1], margins[2:])):
        outside = torch.cat(
            [torch.arange(-before, 0, device=device), torch.arange(samples, samples + after, device=device)]
        )
        borders.append((dim, outside + before, fold(outside, samples, mode) + before))
    return borders
