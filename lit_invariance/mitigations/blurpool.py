"""Downsampling by a binomial low-pass filter (Zhang 2019, "Making convolutional networks shift-invariant again")."""

from math import comb

import torch
from torch import Tensor, nn

from lit_invariance.errors import UserError, unknown
from lit_invariance.mitigations.low_pass import PADDINGS, low_pass

TAPS = range(2, 8)

# A network traced by torch.fx must show one call here: sizes, which the border needs, are unknown while tracing.
torch.fx.wrap("low_pass")


class BlurPool2d(nn.Module):
    """Filter every channel with a binomial low-pass and keep every `stride`-th sample.

    The filter of k taps is the outer product of row k - 1 of Pascal's triangle with itself, scaled to sum one:
    4 taps are [1, 3, 3, 1] / 8. Values, padding and output size are those of the published anti-aliased networks
    (Zhang, ICML 2019, section 3.2, arXiv 1904.11486). The filter has no parameters and leaves no key in the state dict.

    A constant map stays constant under every padding but `zero`, which darkens the border. Maps smaller than the
    filter are allowed; `reflect` then mirrors repeatedly (see `low_pass`).

    Args:
        taps: Filter size in samples, 2 to 7.
        stride: Step between kept samples, in samples; 1 filters only.
        padding: How the map goes on outside: `reflect`, `replicate`, `circular` or `zero`.

    Shape:
        (N, C, H, W) to (N, C, ceil(H / stride), ceil(W / stride)), any float type; channels_last is kept.

    Raises:
        UserError: If the filter size, stride or padding is none of these.
    """

    filter: Tensor

    def __init__(self, taps: int = 4, stride: int = 2, padding: str = "reflect") -> None:
        super().__init__()
        if isinstance(taps, bool) or not isinstance(taps, int) or taps not in TAPS:
            raise UserError(f"blurpool has filters of {TAPS[0]} to {TAPS[-1]} taps, not {taps!r}; 4 is usual.")
        if isinstance(stride, bool) or not isinstance(stride, int) or stride < 1:
            raise UserError(f"the stride of blurpool is a whole number from 1, not {stride!r}.")
        if padding not in PADDINGS:
            raise unknown("padding", str(padding), PADDINGS)
        self.taps, self.stride, self.padding = taps, stride, padding
        self.register_buffer("filter", binomial(taps), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Filter and subsample feature maps (N, C, H, W)."""
        return low_pass(images, self.filter, self.stride, self.padding)

    def extra_repr(self) -> str:
        """The options, as they appear when the network is printed."""
        return f"taps={self.taps}, stride={self.stride}, padding={self.padding}"


class BlurConv2d(nn.Conv2d):
    """A convolution that reads its input through a blur; its parameters keep the names of the plain convolution.

    Args:
        conv: The plain convolution; its parameters are shared, not copied.
        blur: What its input passes first.

    Shape:
        As `conv`, on the map that `blur` returns.
    """

    def __init__(self, conv: nn.Conv2d, blur: BlurPool2d) -> None:
        super().__init__(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,  # type: ignore[arg-type]  # torch declares it as a tuple of any length
            stride=conv.stride,  # type: ignore[arg-type]
            padding=conv.padding,  # type: ignore[arg-type]
            dilation=conv.dilation,  # type: ignore[arg-type]
            groups=conv.groups,
            bias=conv.bias is not None,
            padding_mode=conv.padding_mode,
            device="meta",
        )
        self.weight, self.bias = conv.weight, conv.bias
        self.blur = blur
        self.train(conv.training)

    def forward(self, input: Tensor) -> Tensor:
        """Blur, then convolve feature maps (N, C, H, W)."""
        return super().forward(self.blur(input))


def binomial(taps: int) -> Tensor:
    """Row `taps - 1` of Pascal's triangle, scaled to sum one: the filter closest to a Gaussian of that size.

    Args:
        taps: Number of coefficients, from 1.

    Returns:
        The coefficients, (taps,), float32.
    """
    return torch.tensor([comb(taps - 1, k) for k in range(taps)], dtype=torch.float32) / 2.0 ** (taps - 1)
