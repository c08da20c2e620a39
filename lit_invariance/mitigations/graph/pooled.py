"""A strided pool made of a dense one and a downsampling layer, which leaves exactly as many samples."""

import torch.nn.functional as F
from torch import Tensor, fx, nn

from lit_invariance.mitigations.ops.windows import Windows

# A network traced by torch.fx must show one call here: sizes are unknown while tracing.
fx.wrap("extend_for")
fx.wrap("crop_for")


class Pooled(nn.Module):
    """A pool made dense, then a downsampling layer; as many samples remain as the strided pool leaves.

    Args:
        pool: The strided pool whose output size is kept; it is not run.
        dense: The pool that runs, with stride 1; None if the downsampling layer replaces the pool.
        downsampling: Keeps every `stride`-th sample, `ceil(size / stride)` of them.

    Shape:
        As `pool`.
    """

    def __init__(
        self, pool: nn.MaxPool2d | nn.AvgPool2d, dense: nn.MaxPool2d | nn.AvgPool2d | None, downsampling: nn.Module
    ) -> None:
        super().__init__()
        self.dense, self.downsampling = dense, downsampling
        self.plain = Windows.of(pool)
        self.train(pool.training)

    def forward(self, maps: Tensor) -> Tensor:
        """Pool feature maps (N, C, H, W)."""
        if self.dense is None:
            return crop_for(self.plain, maps, self.downsampling(maps))
        if isinstance(self.dense, nn.MaxPool2d):
            maps = extend_for(self.plain, maps, Windows.of(self.dense))
        return self.downsampling(self.dense(maps))  # type: ignore[no-any-return]


def extend_for(plain: Windows, maps: Tensor, dense: Windows) -> Tensor:
    """Extend a map at its end, so that a dense max pool leaves enough for all samples of the plain one.

    A maximum disregards the minus infinity that is added.
    """
    missing = []
    for axis, size in enumerate(maps.shape[-2:]):
        needed = (plain.laid(size, axis) - 1) * plain.stride[axis] + 1
        missing.append(max(0, needed - dense.laid(size, axis)))
    rows, columns = missing
    return F.pad(maps, (0, columns, 0, rows), value=float("-inf")) if rows or columns else maps


def crop_for(plain: Windows, maps: Tensor, result: Tensor) -> Tensor:
    """Leave as many samples of a result as the plain pool makes of the maps."""
    rows, columns = (plain.laid(size, axis) for axis, size in enumerate(maps.shape[-2:]))
    return result[..., :rows, :columns] if result.shape[-2:] != (rows, columns) else result
