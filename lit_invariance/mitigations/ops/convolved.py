"""Filter with one depthwise convolution: what a GPU and a compiler do best.

A padded copy of the map costs several times the convolution, and the gradient of a reflection pad is not deterministic
on a GPU. Padding is linear, so along one direction the whole step is a matrix I + E: I is the zero-padded filter, E has
entries only for the outermost samples. With both directions, (I + E) x (I + E)' = I x I' + E x (I + E)' + I x E', whose
last two terms are as thin as the filter is wide. The gradient is the same sum with every matrix transposed.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def filtered(images: Tensor, taps: Tensor, stride: tuple[int, int], padding: str) -> Tensor:
    """Filter and subsample feature maps; `low_pass` describes arguments and result."""
    taps, channels = taps.to(images.dtype), images.shape[1]
    result = F.conv2d(images, _kernel(taps, channels), stride=stride, padding=len(taps) // 2, groups=channels)
    if padding != "zero" and len(taps) > 1:
        inner, edge = _matrices(images.shape[2:], taps, stride, padding)
        _add_border(result, images, inner, edge, [_reach_out(taps, step) for step in stride], [_reach_in(taps)] * 2)
    return result


def spread(gradient: Tensor, size: tuple[int, int], taps: Tensor, stride: tuple[int, int], padding: str) -> Tensor:
    """The transpose of `filtered`: from a gradient of its result to one of its images, which are (N, C, *size)."""
    taps, channels = taps.to(gradient.dtype), gradient.shape[1]
    spare = [(samples - 1) % step for samples, step in zip(size, stride, strict=True)]
    result = F.conv_transpose2d(
        gradient,
        _kernel(taps, channels),
        stride=stride,
        padding=len(taps) // 2,
        output_padding=spare,
        groups=channels,
    )
    if padding != "zero" and len(taps) > 1:
        inner, edge = _matrices(size, taps, stride, padding)
        inner, edge = [matrix.t() for matrix in inner], [matrix.t() for matrix in edge]
        _add_border(result, gradient, inner, edge, [_reach_in(taps)] * 2, [_reach_out(taps, step) for step in stride])
    return result


def _kernel(taps: Tensor, channels: int) -> Tensor:
    # A leading zero makes an even filter odd, so that the symmetric padding of the convolution serves both.
    odd = F.pad(taps, (1 - len(taps) % 2, 0))
    return torch.outer(odd, odd).expand(channels, 1, -1, -1)


def _reach_in(taps: Tensor) -> tuple[int, int]:
    """How many samples at the start and at the end of the input any padding can repeat."""
    return (len(taps) - 1) // 2 + 1, len(taps) // 2 + 1


def _reach_out(taps: Tensor, stride: int) -> tuple[int, int]:
    """How many samples at the start and at the end of the output lie near enough to the border to feel it."""
    return -(-((len(taps) - 1) // 2) // stride), -(-(len(taps) // 2) // stride)


def _matrices(
    size: tuple[int, ...], taps: Tensor, stride: tuple[int, int], padding: str
) -> tuple[list[Tensor], list[Tensor]]:
    """The matrices I and E of rows and of columns, each (samples out, samples in)."""
    rows, columns = (_split(samples, taps, step, padding) for samples, step in zip(size, stride, strict=True))
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
    reach_target: list[tuple[int, int]],
    reach_source: list[tuple[int, int]],
) -> None:
    """Add E x (I + E)' + I x E' to the target; both maps are (N, C, H, W)."""
    target, source = target.permute(0, 2, 3, 1), source.permute(0, 2, 3, 1)
    edge_rows, edge_columns = (
        _ends(_ends(matrix, 0, ours), 1, theirs)
        for matrix, ours, theirs in zip(edge, reach_target, reach_source, strict=True)
    )
    rows = _times_rows(edge_rows, _ends(source, 1, reach_source[0]))
    _add_ends(target, 1, reach_target[0], _times_columns(inner[1] + edge[1], rows))
    columns = _times_columns(edge_columns, _ends(source, 2, reach_source[1]))
    _add_ends(target, 2, reach_target[1], _times_rows(inner[0], columns))


def _times_rows(matrix: Tensor, maps: Tensor) -> Tensor:
    count, height, width, channels = maps.shape
    return (matrix @ maps.reshape(count, height, width * channels)).view(count, len(matrix), width, channels)


def _times_columns(matrix: Tensor, maps: Tensor) -> Tensor:
    count, height, width, channels = maps.shape
    return (matrix @ maps.reshape(count * height, width, channels)).view(count, height, len(matrix), channels)


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
