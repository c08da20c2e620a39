"""Filter every channel with a small kernel and keep every s-th sample, deterministically and without a padded copy."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor

from lit_invariance.mitigations.ops import convolved, passes

PADDINGS = ("reflect", "replicate", "circular", "zero")


def low_pass(images: Tensor, taps: Tensor, stride: int | tuple[int, int], padding: str) -> Tensor:
    """Convolve each channel with `outer(taps, taps)` and keep every `stride`-th row and column.

    The map is extended by `(k - 1) // 2` samples before and `k // 2` after, for k taps, so that the result has
    `ceil(H / stride) x ceil(W / stride)` samples and an even filter moves the picture by half a sample.

    A map may be smaller than the filter: `reflect` then mirrors as often as it must, as `numpy.pad` does, and repeats
    the only sample of a map of one.

    Args:
        images: Feature maps, (N, C, H, W), any float type; channels_last is kept.
        taps: The filter of both directions, (k,), k >= 1.
        stride: Step between kept samples, in samples; a pair where rows and columns differ.
        padding: How the map goes on outside: one of `PADDINGS`.

    Returns:
        The filtered maps, (N, C, ceil(H / stride), ceil(W / stride)), of the images' type.
    """
    steps = (stride, stride) if isinstance(stride, int) else stride
    return cast(Tensor, _LowPass.apply(images, taps, steps, padding))


class _LowPass(torch.autograd.Function):
    """The filter; its gradient is its transpose."""

    @staticmethod
    def forward(images: Tensor, taps: Tensor, stride: tuple[int, int], padding: str) -> Tensor:
        if _by_passes(images):
            return passes.filtered(images, taps.tolist(), stride, padding)
        with _own_type(images):
            return convolved.filtered(images, taps, stride, padding)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, tuple[int, int], str], output: Tensor) -> None:
        images, taps, ctx.stride, ctx.padding = inputs
        ctx.save_for_backward(taps)
        ctx.size = tuple(images.shape[2:])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        spread = _Spread.apply(gradients[0], ctx.saved_tensors[0], ctx.size, ctx.stride, ctx.padding)
        return spread, None, None, None


class _Spread(torch.autograd.Function):
    """The transpose of the filter, whose gradient is the filter."""

    @staticmethod
    def forward(gradient: Tensor, taps: Tensor, size: tuple[int, int], stride: tuple[int, int], padding: str) -> Tensor:
        if _by_passes(gradient):
            return passes.spread(gradient, size, taps.tolist(), stride, padding)
        with _own_type(gradient):
            return convolved.spread(gradient, size, taps, stride, padding)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, taps, _, ctx.stride, ctx.padding = inputs
        ctx.save_for_backward(taps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        filtered = _LowPass.apply(gradients[0], ctx.saved_tensors[0], ctx.stride, ctx.padding)
        return filtered, None, None, None, None


def _by_passes(maps: Tensor) -> bool:
    # A compiler or exporter would write down every portion; one convolution is what it can read.
    return maps.device.type == "cpu" and not torch.compiler.is_compiling() and not torch._C._get_tracing_state()


def _own_type(maps: Tensor) -> AbstractContextManager[object]:
    kind = maps.device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()
