"""Downsampling by low-pass filters that the network chooses for each place and group of channels."""

from math import isqrt
from typing import Any, cast

import torch
from torch import Tensor, nn

from lit_invariance.errors import UserError, unknown
from lit_invariance.mitigations.graph.antialiasing import antialias_strides
from lit_invariance.mitigations.graph.change import Change
from lit_invariance.mitigations.ops.extend import extend
from lit_invariance.mitigations.ops.low_pass import PADDINGS
from lit_invariance.mitigations.ops.windows import Pair, pair
from lit_invariance.mitigations.surgery.blurpool import TAPS, binomial

# A network traced by torch.fx must show one call for each: sizes are unknown while tracing.
torch.fx.wrap("extend")
torch.fx.wrap("filter_each_place")


def adaptive_blur(
    network: nn.Module, taps: int = 3, groups: int = 8, padding: str = "reflect", stem: bool = False
) -> list[Change]:
    """Put predicted low-pass filters where `blurpool` puts its fixed ones, in place.

    Source: Zou et al., "Delving deeper into anti-aliasing in ConvNets", BMVC 2020, arXiv 2008.09604.

    The parameters of the prediction are new, named `...predict.weight` and `...predict.bias`: a plain state dict lacks
    these alone. They begin so that every filter is the binomial one of `blurpool`: the network computes at first what
    `blurpool` with as many taps makes of it.

    Args:
        network: Any network torch.fx can trace.
        taps: Filter size in samples, 2 to 7.
        groups: Groups of channels with a filter of their own, at most; see `AdaptiveBlur2d`.
        padding: How a map is extended beyond its border: `reflect`, `replicate`, `circular` or `zero`.
        stem: Whether to include the first convolution, see `antialias_strides`.

    Returns:
        One entry for every strided operation, in the order of the forward pass: what was done, or why it was left.

    Raises:
        UserError: If an option is out of range, the network cannot be traced, it is already anti-aliased, or it has
            nothing to change.
    """
    AdaptiveBlur2d(1, taps, 1, groups, padding)  # refuses bad options before anything else is said
    return antialias_strides(
        network,
        lambda stride, channels: AdaptiveBlur2d(channels, taps, stride, groups, padding),
        "adaptive blur",
        stem,
    )


class AdaptiveBlur2d(nn.Module):
    """Filter each place of each group of channels by weights predicted from the map, and keep every `stride`-th sample.

    y_g[m, n] = sum over p, q of w_g[m, n, p, q] x_g[s m + p, t n + q], where the weights of a place and group are the
    softmax over the taps of a convolution of all channels (Zou et al. 2020, section 3.2). They are positive and sum to
    one, so every filter is a low-pass and a constant map stays constant. The paper normalises the convolution by batch
    norm; here it begins at zero, with the logarithm of the binomial filter as its bias, and needs none.

    Args:
        channels: Channels C of the maps.
        taps: Filter size in samples, 2 to 7.
        stride: Step between kept samples, in samples; a pair for rows and columns.
        groups: Groups of neighbouring channels that share filters: the largest divisor of `channels` up to this.
        padding: How the map is extended beyond its border: `reflect`, `replicate`, `circular` or `zero`.

    Shape:
        (N, C, H, W) to (N, C, ceil(H / stride), ceil(W / stride)), any float type; channels_last is kept.

    Raises:
        UserError: If the filter size, stride, number of groups or padding is none of these.
    """

    def __init__(
        self, channels: int, taps: int = 3, stride: int | Pair = 2, groups: int = 8, padding: str = "reflect"
    ) -> None:
        super().__init__()
        if isinstance(taps, bool) or not isinstance(taps, int) or taps not in TAPS:
            raise UserError(f"adaptive_blur has filters of {TAPS[0]} to {TAPS[-1]} taps, not {taps!r}; 3 is usual.")
        if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1:
            raise UserError(
                f"the groups of adaptive_blur must be a whole number of at least 1, not {groups!r}; 8 is usual."
            )
        if padding not in PADDINGS:
            raise unknown("padding", str(padding), PADDINGS)
        self.taps, self.stride, self.padding = taps, pair(stride), padding
        self.groups = max(count for count in range(1, groups + 1) if channels % count == 0)
        self.predict = nn.Conv2d(channels, self.groups * taps**2, taps, self.stride)
        nn.init.zeros_(self.predict.weight)
        begin = torch.outer(binomial(taps), binomial(taps)).log().flatten()
        with torch.no_grad():
            self.predict.bias.copy_(begin.repeat(self.groups))  # type: ignore[union-attr]  # it has a bias

    def forward(self, maps: Tensor) -> Tensor:
        """Filter and subsample feature maps (N, C, H, W)."""
        before, after = (self.taps - 1) // 2, self.taps // 2
        mode = "zeros" if self.padding == "zero" else self.padding
        extended = extend(maps, (before, after, before, after), mode)
        weights = torch.unflatten(self.predict(extended), 1, (self.groups, -1)).softmax(2)
        return filter_each_place(extended, weights, self.stride)

    def extra_repr(self) -> str:
        """The options, as they appear when the network is printed."""
        return f"taps={self.taps}, stride={self.stride}, groups={self.groups}, padding={self.padding}"


def filter_each_place(maps: Tensor, weights: Tensor, stride: Pair) -> Tensor:
    """Filter each position with its own weights and keep every `stride`-th sample.

    Args:
        maps: Feature maps, (N, C, H, W), extended as far as the filters reach.
        weights: Filters, (N, groups, taps * taps, h, w) for h x w kept samples.
        stride: Step between kept samples, in rows and columns.

    Returns:
        The filtered maps, (N, C, h, w), of the maps' type; channels_last is kept.
    """
    grouped = torch.unflatten(maps, 1, (weights.shape[1], -1))
    filtered = cast(Tensor, _FilterEachPlace.apply(grouped, weights.to(maps.dtype), stride)).flatten(1, 2)
    layout = torch.channels_last if maps.stride(1) == 1 else torch.contiguous_format
    return filtered.contiguous(memory_format=layout)


class _FilterEachPlace(torch.autograd.Function):
    """A sum over taps; its own gradient, for that of a strided slice is a map of zeros for every tap."""

    @staticmethod
    def forward(maps: Tensor, weights: Tensor, stride: Pair) -> Tensor:
        reads = _reads(maps, weights, stride)
        filtered = weights[:, :, None, 0] * reads[0]
        for tap in range(1, len(reads)):
            filtered.addcmul_(weights[:, :, None, tap], reads[tap])
        return filtered

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Pair], output: Tensor) -> None:
        maps, weights, ctx.stride = inputs
        ctx.save_for_backward(maps, weights)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        maps, weights = ctx.saved_tensors
        (gradient,) = gradients
        to_maps = torch.zeros_like(maps)
        targets, reads = _reads(to_maps, weights, ctx.stride), _reads(maps, weights, ctx.stride)
        for tap, target in enumerate(targets):
            target.add_(weights[:, :, None, tap] * gradient)
        to_weights = torch.stack([(read * gradient).sum(2) for read in reads], 2)
        return to_maps, to_weights, None


def _reads(maps: Tensor, weights: Tensor, stride: Pair) -> list[Tensor]:
    """What each tap reads of maps (N, groups, C / groups, H, W) at each kept sample."""
    taps, (height, width) = isqrt(weights.shape[2]), weights.shape[3:]
    rows, columns = (height - 1) * stride[0] + 1, (width - 1) * stride[1] + 1
    return [
        maps[:, :, :, row : row + rows : stride[0], column : column + columns : stride[1]]
        for row in range(taps)
        for column in range(taps)
    ]
