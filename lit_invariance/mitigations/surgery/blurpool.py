"""Downsampling by a binomial low-pass filter (Zhang 2019, "Making convolutional networks shift-invariant again")."""

from collections.abc import Sequence
from math import comb

import torch
from torch import Tensor, nn

from lit_invariance.errors import UserError, unknown
from lit_invariance.mitigations.graph.antialiasing import antialias_strides
from lit_invariance.mitigations.graph.change import Change
from lit_invariance.mitigations.ops.low_pass import PADDINGS, low_pass

TAPS = range(2, 8)

# A network traced by torch.fx must show one call here: sizes, which the border needs, are unknown while tracing.
torch.fx.wrap("low_pass")


def antialias(
    network: nn.Module, taps: int | list[float] = 4, padding: str = "reflect", stem: bool = False
) -> list[Change]:
    """Put a low-pass filter behind every stride of a network, in place (Zhang 2019, ICML, arXiv 1904.11486).

    `antialias_strides` states where the filters go. Parameters and state-dict keys are unchanged: a plain checkpoint
    loads strictly into the changed network and back. Logits equal those of the published networks with the same
    parameters.

    Args:
        network: Any network torch.fx can trace. Equality is tested for torchvision's ResNet, ResNeXt, WideResNet, VGG,
            DenseNet, AlexNet and MobileNetV2 families.
        taps: Filter size in samples, 2 to 7, or the coefficients of any filter.
        padding: How a map is extended beyond its border: `reflect`, `replicate`, `circular` or `zero`.
        stem: Whether to include the first convolution, which then runs at `min(stride, 2) ** 2` times the cost.

    Returns:
        One entry for every strided operation, in the order of the forward pass: what was done, or why it was left.

    Raises:
        UserError: If an option is out of range, the network cannot be traced, it is already anti-aliased, or it has
            nothing to change.

    Example:
        >>> from torch import nn
        >>> from lit_invariance.mitigations import antialias
        >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2), nn.ReLU())
        >>> for change in antialias(network, taps=3):
        ...     print(change)
        2: 3x3 convolution, stride 2 -> 1, blur of stride 2 behind 3 (cumulative stride 2)
        >>> network(torch.zeros(1, 3, 32, 32)).shape
        torch.Size([1, 8, 14, 14])
    """
    BlurPool2d(taps, 1, padding)  # refuses bad options before anything else is said
    return antialias_strides(network, lambda stride, channels: BlurPool2d(taps, stride, padding), "blur", stem)


class BlurPool2d(nn.Module):
    """Filter every channel with a low-pass and keep every `stride`-th sample.

    The binomial filter of k taps is the outer product of row k - 1 of Pascal's triangle with itself, scaled to sum one:
    4 taps are [1, 3, 3, 1] / 8. Values, padding and output size are those of the published anti-aliased networks
    (Zhang, ICML 2019, section 3.2, arXiv 1904.11486). The filter has no parameters and leaves no key in the state dict.

    A constant map stays constant under every padding but `zero`, which darkens the border. Maps smaller than the
    filter are allowed; `reflect` then mirrors repeatedly (see `low_pass`).

    Args:
        taps: Size of a binomial filter in samples, 2 to 7, or the coefficients of any filter, which both directions
            share; they are used as they are, so a sum of one keeps the brightness.
        stride: Step between kept samples, in samples, or a pair for rows and columns; 1 filters only.
        padding: How the map is extended beyond its border: `reflect`, `replicate`, `circular` or `zero`.

    Shape:
        (N, C, H, W) to (N, C, ceil(H / stride), ceil(W / stride)), any float type; channels_last is kept.

    Raises:
        UserError: If the filter size, stride or padding is none of these.
    """

    filter: Tensor

    def __init__(
        self, taps: int | Sequence[float] = 4, stride: int | tuple[int, int] = 2, padding: str = "reflect"
    ) -> None:
        super().__init__()
        if padding not in PADDINGS:
            raise unknown("padding", str(padding), PADDINGS)
        self.taps, self.stride, self.padding = taps, _checked_stride(stride), padding
        self.register_buffer("filter", _filter(taps), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Filter and subsample feature maps (N, C, H, W)."""
        return low_pass(images, self.filter, self.stride, self.padding)

    def extra_repr(self) -> str:
        """The options, as they appear when the network is printed."""
        stride = self.stride[0] if self.stride[0] == self.stride[1] else self.stride
        return f"taps={self.taps}, stride={stride}, padding={self.padding}"


def _filter(taps: int | Sequence[float]) -> Tensor:
    if isinstance(taps, list | tuple) and taps and all(isinstance(tap, int | float) for tap in taps):
        return torch.tensor(taps, dtype=torch.float32)
    if isinstance(taps, bool) or not isinstance(taps, int) or taps not in TAPS:
        raise UserError(
            f"blurpool has filters of {TAPS[0]} to {TAPS[-1]} taps, not {taps!r}; 4 is usual, and a list of numbers "
            "gives your own filter."
        )
    return binomial(taps)


def _checked_stride(stride: int | tuple[int, int]) -> tuple[int, int]:
    pair = tuple(stride) if isinstance(stride, list | tuple) else (stride, stride)
    if len(pair) != 2 or any(isinstance(step, bool) or not isinstance(step, int) or step < 1 for step in pair):
        raise UserError(
            f"the stride of blurpool must be a whole number of at least 1 or a pair of them, not {stride!r}."
        )
    return pair[0], pair[1]


def binomial(taps: int) -> Tensor:
    """Row `taps - 1` of Pascal's triangle, scaled to sum one: the filter closest to a Gaussian of that size.

    Args:
        taps: Number of coefficients, from 1.

    Returns:
        The coefficients, (taps,), float32.
    """
    return torch.tensor([comb(taps - 1, k) for k in range(taps)], dtype=torch.float32) / 2.0 ** (taps - 1)
