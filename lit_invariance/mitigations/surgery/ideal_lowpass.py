"""Downsampling by the ideal low-pass filter, which removes exactly what the kept samples cannot carry."""

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from lit_invariance.errors import UserError
from lit_invariance.mitigations.graph.antialiasing import antialias_strides
from lit_invariance.mitigations.graph.change import Change
from lit_invariance.mitigations.ops.windows import Pair

# A network traced by torch.fx must show one call here: sizes are unknown while tracing.
torch.fx.wrap("ideal_low_pass")


def ideal_lowpass(network: nn.Module, stem: bool = False) -> list[Change]:
    """Put the ideal low-pass filter where `blurpool` puts its own, in place.

    Source: Michaeli et al., "Alias-free convnets: fractional shift invariance via polynomial activations", CVPR 2023,
    arXiv 2303.08085.

    A shift of the picture by a fraction of a kept sample is then the same shift of the kept samples, exactly, for all
    that is linear in the network. What is left comes from activations and max pools, which make new frequencies, and
    from borders: the filter takes each map to be circular, so `circular_padding` goes with it. Parameters and
    state-dict keys are unchanged.

    Args:
        network: Any network torch.fx can trace.
        stem: Whether to include the first convolution, see `antialias_strides`.

    Returns:
        One entry for every strided operation, in the order of the forward pass: what was done, or why it was left.

    Raises:
        UserError: If the network cannot be traced, it is already anti-aliased, or it has nothing to change.
    """
    return antialias_strides(network, lambda stride, channels: IdealLowPass2d(stride), "ideal low-pass", stem)


class IdealLowPass2d(nn.Module):
    """Remove from every channel what samples `stride` apart cannot carry, and keep every `stride`-th sample.

    In the discrete Fourier transform of each direction of length H, the frequencies k / H with |k| / H < 1 / (2 stride)
    pass unchanged and all others are set to zero. The frequency at 1 / (2 stride) itself, there where 2 stride divides
    H, is removed from both ends of the spectrum: the samples would see its cosine but not its sine, so that no filter
    could keep it and stay equivariant. The filter is thereby real and symmetric at every size, even or odd.

    Equivariance to a shift by a fraction of a kept sample is exact where the stride divides the map; elsewhere the
    kept samples do not close into a circle.

    Args:
        stride: Step between kept samples, in samples; a pair for rows and columns.

    Shape:
        (N, C, H, W) to (N, C, ceil(H / stride), ceil(W / stride)), any float type, computed in float32 or wider;
        channels_last is kept.

    Raises:
        UserError: If the stride is no whole number from 1.
    """

    def __init__(self, stride: int | Pair = 2) -> None:
        super().__init__()
        steps = stride if isinstance(stride, tuple) else (stride, stride)
        if any(isinstance(step, bool) or not isinstance(step, int) or step < 1 for step in steps):
            raise UserError(f"the stride of ideal_lowpass must be a whole number of at least 1, not {stride!r}.")
        self.stride = steps

    def forward(self, maps: Tensor) -> Tensor:
        """Filter and subsample feature maps (N, C, H, W)."""
        return ideal_low_pass(maps, self.stride)

    def extra_repr(self) -> str:
        """The stride, as it appears when the network is printed."""
        return f"stride={self.stride}"


def ideal_low_pass(maps: Tensor, stride: Pair) -> Tensor:
    """Filter and subsample as `IdealLowPass2d` does.

    Transform, mask, back transform and subsampling are one matrix in each direction, which is a fast product at the
    sizes of feature maps, for any size and on any device.

    Args:
        maps: Feature maps, (N, C, H, W), any float type.
        stride: Step between kept samples, in rows and columns.

    Returns:
        The filtered maps, (N, C, ceil(H / s), ceil(W / t)), of the maps' type.
    """
    exact = torch.promote_types(maps.dtype, torch.float32)
    count, channels, height, width = maps.shape
    rows = _matrix(height, stride[0], maps.device).to(exact)
    columns = _matrix(width, stride[1], maps.device).to(exact)
    precisely = nullcontext() if maps.is_meta else torch.autocast(maps.device.type, enabled=False)
    with precisely:
        wide = maps.to(exact)
        if maps.stride(1) != 1:
            return (rows @ wide @ columns.t()).to(maps.dtype)
        wide = (rows @ wide.permute(0, 2, 3, 1).reshape(count, height, width * channels)).reshape(-1, width, channels)
        wide = (columns @ wide).reshape(count, len(rows), len(columns), channels)
    return wide.permute(0, 3, 1, 2).to(maps.dtype)


def _matrix(size: int, stride: int, device: torch.device) -> Tensor:
    """The filter at the kept samples, (ceil(size / stride), size).

    At distance t it is the sum of cos(2 pi k t / size) / size over |k| < size / (2 stride): the Dirichlet kernel
    sin((2 K + 1) pi t / size) / (size sin(pi t / size)). Its arguments are reduced in whole numbers, so that float32,
    which every device has, keeps its precision.
    """
    samples = torch.arange(size, device=device)
    distance = (samples[::stride, None] - samples) % size
    passed = 2 * ((size - 1) // (2 * stride)) + 1
    above = _sine(distance * passed % (2 * size), size)
    below = size * _sine(distance, size)
    return torch.where(distance == 0, passed / size, above / torch.where(distance == 0, 1.0, below))


def _sine(turns: Tensor, size: int) -> Tensor:
    """sin(pi turns / size) for whole turns from 0 to 2 size - 1, folded to where float32 is most precise."""
    sign = torch.where(turns < size, 1.0, -1.0)
    folded = turns % size
    return sign * torch.sin(torch.minimum(folded, size - folded) * (torch.pi / size))
