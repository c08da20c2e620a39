"""Filter every channel with a small kernel and keep every s-th sample, at the speed of a zero-padded convolution."""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

PADDINGS = ("reflect", "replicate", "circular", "zero")


def low_pass(images: Tensor, taps: Tensor, stride: int, padding: str) -> Tensor:
    """Convolve each channel with `outer(taps, taps)` and keep every `stride`-th row and column.

    The map is extended by `(k - 1) // 2` samples before and `k // 2` after, for k taps, so that the result has
    `ceil(H / stride) x ceil(W / stride)` samples and an even filter moves the picture by half a sample.

    A map may be smaller than the filter: `reflect` then mirrors as often as it must, as `numpy.pad` does, and repeats
    the only sample of a map of one.

    Args:
        images: Feature maps, (N, C, H, W), any float type; channels_last is kept.
        taps: The filter of both directions, (k,), k >= 2.
        stride: Step between kept samples, in samples.
        padding: How the map goes on outside: one of `PADDINGS`.

    Returns:
        The filtered maps, (N, C, ceil(H / stride), ceil(W / stride)), of the images' type.
    """
    taps = taps.to(images.dtype)
    if padding == "zero":
        return _zero_padded(images, taps, stride)
    return cast(Tensor, _LowPass.apply(images, taps, stride, padding))


class _LowPass(torch.autograd.Function):
    """The filter with its border: a zero-padded convolution, plus what the samples outside the map would add.

    A padded copy of the map costs several times the convolution on a CPU, and the gradient of a reflection pad is not
    deterministic on a GPU. Padding is linear, so along one direction the whole step is a matrix I + E: I is the
    zero-padded filter, E has entries only for the outermost samples. With both directions,
    (I + E) x (I + E)' = I x I' + E x (I + E)' + I x E', whose last two terms are as thin as the filter is wide. The
    gradient is the same sum with every matrix transposed.
    """

    @staticmethod
    def forward(images: Tensor, taps: Tensor, stride: int, padding: str) -> Tensor:
        filtered = _zero_padded(images, taps, stride)
        inner, edge = _matrices(images, taps, stride, padding)
        _add_border(filtered, images, inner, edge, _reach_out(taps, stride), _reach_in(taps))
        return filtered

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, int, str], output: Tensor) -> None:
        images, taps, ctx.stride, ctx.padding = inputs
        ctx.save_for_backward(taps)
        ctx.size = images.shape[2:]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = gradients
        taps = ctx.saved_tensors[0].to(gradient.dtype)  # autocast may have made the output of another type
        spare = [(size - 1) % ctx.stride for size in ctx.size]
        weight, channels = _kernel(taps, gradient), gradient.shape[1]
        spread = F.conv_transpose2d(
            gradient, weight, stride=ctx.stride, padding=len(taps) // 2, output_padding=spare, groups=channels
        )
        inner, edge = _matrices(spread, taps, ctx.stride, ctx.padding)
        inner, edge = [matrix.t() for matrix in inner], [matrix.t() for matrix in edge]
        _add_border(spread, gradient, inner, edge, _reach_in(taps), _reach_out(taps, ctx.stride))
        return spread, None, None, None


def _zero_padded(images: Tensor, taps: Tensor, stride: int) -> Tensor:
    return F.conv2d(images, _kernel(taps, images), stride=stride, padding=len(taps) // 2, groups=images.shape[1])


def _kernel(taps: Tensor, images: Tensor) -> Tensor:
    # A leading zero makes an even filter odd, so that the symmetric padding of the convolution serves both.
    odd = F.pad(taps, (1 - len(taps) % 2, 0))
    return torch.outer(odd, odd).expand(images.shape[1], 1, -1, -1)


def _reach_in(taps: Tensor) -> tuple[int, int]:
    """How many samples at the start and at the end of the input any padding can repeat."""
    return (len(taps) - 1) // 2 + 1, len(taps) // 2 + 1


def _reach_out(taps: Tensor, stride: int) -> tuple[int, int]:
    """How many samples at the start and at the end of the output lie near enough to the border to feel it."""
    return -(-((len(taps) - 1) // 2) // stride), -(-(len(taps) // 2) // stride)


def _matrices(images: Tensor, taps: Tensor, stride: int, padding: str) -> tuple[list[Tensor], list[Tensor]]:
    """The matrices I and E of rows and of columns, each (samples out, samples in)."""
    rows, columns = (_split(size, taps, stride, padding) for size in images.shape[2:])
    return [rows[0], columns[0]], [rows[1], columns[1]]


def _split(size: int, taps: Tensor, stride: int, padding: str) -> tuple[Tensor, Tensor]:
    samples = torch.arange(size, device=taps.device)
    reads = torch.arange(len(taps), device=taps.device) - (len(taps) - 1) // 2 + samples[::stride, None]
    outside = (reads < 0) | (reads >= size)
    weights = taps[:, None] * (fold(reads, size, padding)[..., None] == samples)
    inner = (weights * ~outside[..., None]).sum(1)
    return inner, (weights * outside[..., None]).sum(1)


def fold(position: Tensor, size: int, padding: str) -> Tensor:
    """Say where in the map the sample lies that stands in for a position outside of it.

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


def _add_border(
    target: Tensor,
    source: Tensor,
    inner: list[Tensor],
    edge: list[Tensor],
    reach_target: tuple[int, int],
    reach_source: tuple[int, int],
) -> None:
    """Add E x (I + E)' + I x E' to the target; both maps are (N, C, H, W)."""
    target, source = target.permute(0, 2, 3, 1), source.permute(0, 2, 3, 1)
    edge_rows, edge_columns = (_ends(_ends(matrix, 0, reach_target), 1, reach_source) for matrix in edge)
    rows = _times_rows(edge_rows, _ends(source, 1, reach_source))
    _add_ends(target, 1, reach_target, _times_columns(inner[1] + edge[1], rows))
    columns = _times_columns(edge_columns, _ends(source, 2, reach_source))
    _add_ends(target, 2, reach_target, _times_rows(inner[0], columns))


def _times_rows(matrix: Tensor, maps: Tensor) -> Tensor:
    count, height, width, channels = maps.shape
    return (matrix @ maps.reshape(count, height, width * channels)).view(count, -1, width, channels)


def _times_columns(matrix: Tensor, maps: Tensor) -> Tensor:
    count, height, width, channels = maps.shape
    return (matrix @ maps.reshape(count * height, width, channels)).view(count, height, -1, channels)


def _ends(maps: Tensor, dim: int, reach: tuple[int, int]) -> Tensor:
    size, (head, tail) = maps.shape[dim], reach
    if head + tail >= size:
        return maps
    return torch.cat([maps.narrow(dim, 0, head), maps.narrow(dim, size - tail, tail)], dim)


def _add_ends(maps: Tensor, dim: int, reach: tuple[int, int], ends: Tensor) -> None:
    size, (head, tail) = maps.shape[dim], reach
    if head + tail >= size:
        maps.add_(ends)
        return
    maps.narrow(dim, 0, head).add_(ends.narrow(dim, 0, head))
    maps.narrow(dim, size - tail, tail).add_(ends.narrow(dim, head, tail))
