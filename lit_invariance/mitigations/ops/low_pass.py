"""Filter every channel with a small kernel and keep every s-th sample."""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_invariance.mitigations.ops.extend import Margins, extend, fold_back, own_type

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
        padding: How the map is extended beyond its border: one of `PADDINGS`.

    Returns:
        The filtered maps, (N, C, ceil(H / stride), ceil(W / stride)), of the images' type.
    """
    steps = (stride, stride) if isinstance(stride, int) else stride
    return cast(Tensor, _LowPass.apply(images, taps, steps, padding))


class _LowPass(torch.autograd.Function):
    """The filter, with its transpose as its gradient: a convolution of its own would keep the extended map for it."""

    @staticmethod
    def forward(images: Tensor, taps: Tensor, stride: tuple[int, int], padding: str) -> Tensor:
        with own_type(images):
            extended = extend(images, _margins(taps), _mode(padding))
            return F.conv2d(extended, _kernel(taps, images), stride=stride, groups=images.shape[1])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, tuple[int, int], str], output: Tensor) -> None:
        images, taps, ctx.stride, ctx.padding = inputs
        ctx.save_for_backward(taps)
        ctx.size = tuple(images.shape[2:])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        gradient, (taps,) = gradients[0], ctx.saved_tensors
        with own_type(gradient):
            spread = F.conv_transpose2d(
                gradient,
                _kernel(taps, gradient),
                stride=ctx.stride,
                output_padding=[(size - 1) % step for size, step in zip(ctx.size, ctx.stride, strict=True)],
                groups=gradient.shape[1],
            )
        return fold_back(spread, ctx.size, _margins(taps), _mode(ctx.padding)), None, None, None


def _margins(taps: Tensor) -> Margins:
    before, after = (len(taps) - 1) // 2, len(taps) // 2
    return before, after, before, after


def _mode(padding: str) -> str:
    return "zeros" if padding == "zero" else padding


def _kernel(taps: Tensor, maps: Tensor) -> Tensor:
    return torch.outer(taps, taps).to(maps.dtype).expand(maps.shape[1], 1, -1, -1)
