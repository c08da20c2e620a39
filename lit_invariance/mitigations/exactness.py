"""Is a network exactly invariant to cyclic shifts? Measured on the network itself, for any architecture."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_invariance.errors import said_by
from lit_invariance.mitigations.surgery.batch_norm import reestimate_batch_norm

LIMIT = 1e-9  # rounding leaves 1e-15 to 1e-12 in float64, and 1e-7 or more in float32
LEAST_SPREAD = 1e-6  # share of the outputs by which two pictures must differ for the residual to mean anything
DISTURBANCE = 0.1  # share of the usual size of a parameter
SIZES = ((64, 96), (128, 64))  # behind a total stride of 32 a map still has two samples or more a side
SQUARES = (128, 64, 32, 224, 256, 299, 384)  # for networks of one size
SHIFTS = ((1, 0), (0, 1), (-9, 22))

Size = tuple[int, int]


@dataclass(frozen=True)
class Exactness:
    """Whether the answers of a network stay the same under cyclic shifts of the picture.

    Attributes:
        residual: The greatest change of any output under a shift, as a share of how far the outputs of two pictures
            lie apart; infinite where it could not be measured.
        sizes: Rows and columns of the pictures it was measured on.
        why: Why it could not be measured; empty if it could.
    """

    residual: float
    sizes: tuple[Size, ...] = ()
    why: str = ""

    @property
    def exact(self) -> bool:
        """Whether the network may be called exactly invariant."""
        return self.residual < LIMIT

    def __str__(self) -> str:
        """The result as text for the user."""
        if self.why:
            return f"exact invariance to cyclic shifts could not be shown: {self.why}"
        verdict = "exactly invariant to cyclic shifts" if self.exact else "NOT exactly invariant to cyclic shifts"
        where = ", ".join(f"{height}x{width}" for height, width in self.sizes)
        return f"{verdict}: they change the answers by {self.residual:.1e} of their spread (float64, {where} pixels)"


def check_exact_invariance(network: nn.Module, sizes: Sequence[Size] = ()) -> Exactness:
    """Roll random pictures and see whether the answers stay the same, up to rounding in float64.

    No layer's name is looked at, so nothing in a forward pass can be overlooked. The check runs on a copy on the CPU,
    in evaluation mode. In the copy every parameter is disturbed a little, because a position embedding or a gate that
    begins at zero hides what a training brings out. Statistics of batch normalisation are re-estimated, because the
    answers of an untrained network may hardly depend on the picture without. What is found exact is so for any
    parameters, at sizes like those tried: it says nothing of sizes that the total stride does not divide.

    A network that computes in float32 inside is not shown to be exact.

    Args:
        network: Any network from `(N, 3, H, W)` to a tensor `(N, ...)`. It is not changed, and neither is the state of
            the random generator.
        sizes: Rows and columns to try. By default 64 x 96 and 128 x 64 or, where the network refuses both, the first
            square it accepts of side 128, 64, 32, 224, 256, 299 and 384. Where the last map has a single sample, many
            an inexact network is exact.

    Returns:
        The greatest residual over sizes and shifts.
    """
    with torch.no_grad():
        probe = _disturbed(network)
        tried: list[Exactness] = []
        for stage in [sizes] if sizes else [SIZES, *([(side, side)] for side in SQUARES)]:
            tried += _until_inexact(probe, stage)
            if any(found.sizes for found in tried):
                break
    # What a network refuses says nothing of it, unless it refuses all.
    worst = max((found for found in tried if found.sizes), key=lambda found: found.residual, default=tried[0])
    return replace(worst, sizes=tuple(size for found in tried for size in found.sizes))


def _until_inexact(probe: nn.Module, sizes: Sequence[Size]) -> Iterator[Exactness]:
    for size in sizes:
        found = _measured(probe, size)
        yield found
        if found.sizes and not found.exact:
            return


def _disturbed(network: nn.Module) -> nn.Module:
    probe = copy.deepcopy(network).to("cpu", torch.float64).eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in filter(torch.is_floating_point, probe.parameters()):
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 1
        usual = fan_in**-0.5 + float(parameter.std(correction=0))
        noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
        parameter.add_(noise, alpha=DISTURBANCE * usual)
    return probe


def _measured(probe: nn.Module, size: Size) -> Exactness:
    """Measure at one size; without a size in the result, the network refused it."""
    pictures = _pictures(size)
    rolled = torch.cat([pictures[:1].roll(shift, (2, 3)) for shift in SHIFTS])
    try:
        reestimate_batch_norm(probe, [pictures])
        answers = probe(torch.cat([pictures, rolled]))
    except Exception as error:  # a network may refuse a picture with anything at all
        return Exactness(inf, why=f"the network refuses pictures of {size[0]}x{size[1]} pixels ({said_by(error)})")
    if not isinstance(answers, Tensor):
        return Exactness(inf, (size,), f"the network returns a {type(answers).__name__} and not a tensor")
    if not answers.isfinite().all():
        return Exactness(inf, (size,), "its answers are not finite")
    spread = (answers[0] - answers[1]).abs().max()
    if spread <= LEAST_SPREAD * answers.abs().max():
        return Exactness(inf, (size,), "its answers hardly depend on the picture")
    return Exactness(float((answers[2:] - answers[0]).abs().max() / spread), (size,))


def _pictures(size: Size) -> Tensor:
    """Two pictures, (2, 3, *size), with content at many scales and with different contrast."""
    height, width = size
    generator = torch.Generator().manual_seed(0)
    pictures = torch.zeros(2, 3, height, width, dtype=torch.float64)
    for step in (1, 4, 16):
        noise = torch.randn(2, 3, -(-height // step), -(-width // step), generator=generator)
        pictures += F.interpolate(noise, size)
    return pictures * torch.tensor([1.0, 0.5])[:, None, None, None]
