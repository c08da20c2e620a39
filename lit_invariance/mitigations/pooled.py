"""A strided pool made of a dense one and a downsampling layer, which leaves exactly as many samples."""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, fx, nn

# A network traced by torch.fx must show one call here: sizes are unknown while tracing.
fx.wrap("extend_for")
fx.wrap("crop_for")


class Geometry(NamedTuple):
    """What decides the output size of a pool; a tuple of numbers, which torch.fx can write down."""

    window: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    ceil_mode: bool

    @classmethod
    def of(cls, pool: nn.MaxPool2d | nn.AvgPool2d) -> "Geometry":
        """The geometry of a pool."""
        dilation = pair(getattr(pool, "dilation", 1))
        return cls(pair(pool.kernel_size), pair(pool.stride), pair(pool.padding), dilation, pool.ceil_mode)

    def samples(self, size: int, axis: int) -> int:
        """The number of samples the pool leaves of `size` (torch.nn.MaxPool2d states the formula)."""
        stride, padding = self.stride[axis], self.padding[axis]
        spare = size + 2 * padding - self.reach(axis)
        steps = -(-spare // stride) if self.ceil_mode else spare // stride
        if self.ceil_mode and steps * stride >= size + padding:  # that window would lie outside altogether
            steps -= 1
        return steps + 1

    def reach(self, axis: int) -> int:
        """The number of samples from the first to the last one of a window."""
        return self.dilation[axis] * (self.window[axis] - 1) + 1


class Pooled(nn.Module):
    """A pool made dense, then a downsampling layer; as many samples remain as the strided pool leaves.

    Args:
        pool: The strided pool whose output size is kept; it is not run.
        dense: The pool that runs, with stride 1; None where the downsampling layer stands in for the pool.
        downsampling: Keeps every `stride`-th sample, `ceil(size / stride)` of them.

    Shape:
        As `pool`.
    """

    def __init__(
        self, pool: nn.MaxPool2d | nn.AvgPool2d, dense: nn.MaxPool2d | nn.AvgPool2d | None, downsampling: nn.Module
    ) -> None:
        super().__init__()
        self.dense, self.downsampling = dense, downsampling
        self.plain = Geometry.of(pool)
        self.train(pool.training)

    def forward(self, maps: Tensor) -> Tensor:
        """Pool feature maps (N, C, H, W)."""
        if self.dense is None:
            return crop_for(self.plain, maps, self.downsampling(maps))
        if isinstance(self.dense, nn.MaxPool2d):
            maps = extend_for(self.plain, maps, Geometry.of(self.dense))
        return self.downsampling(self.dense(maps))  # type: ignore[no-any-return]


def extend_for(plain: Geometry, maps: Tensor, dense: Geometry) -> Tensor:
    """Extend a map at its end, so that a dense max pool leaves enough for all samples of the plain one.

    A maximum disregards the minus infinity that is added.
    """
    missing = []
    for axis, size in enumerate(maps.shape[-2:]):
        needed = (plain.samples(size, axis) - 1) * plain.stride[axis] + 1
        missing.append(max(0, needed - dense.samples(size, axis)))
    rows, columns = missing
    return F.pad(maps, (0, columns, 0, rows), value=float("-inf")) if rows or columns else maps


def crop_for(plain: Geometry, maps: Tensor, result: Tensor) -> Tensor:
    """Leave as many samples of a result as the plain pool makes of the maps."""
    rows, columns = (plain.samples(size, axis) for axis, size in enumerate(maps.shape[-2:]))
    return result[..., :rows, :columns] if result.shape[-2:] != (rows, columns) else result


def pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    """A size for rows and columns from how torch's layers state it."""
    return (value, value) if isinstance(value, int) else (value[0], value[-1])
