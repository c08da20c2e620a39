"""Which layers break equivariance: what a layer makes of a move by a part of a sample that is no move of its output."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm  # type: ignore[import-untyped]

from lit_invariance.data.batch import Batch
from lit_invariance.diagnostics.observing import observing
from lit_invariance.diagnostics.shiftability import PROGRESS_AFTER, VIEWS_AT_ONCE
from lit_invariance.mitigations.surgery.blurpool import BlurPool2d
from lit_invariance.protocols import Protocol, generator_for
from lit_invariance.protocols.circular_fractional import ideal_shift
from lit_invariance.results.diagnoses import Equivariance

STEP = 0.05
"""Samples of a layer's input that it is moved by, in place of an infinitely small move."""
FEWEST = 4
"""Rows of an output without which there is nothing to move."""
FILTERS = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, BlurPool2d)
ACTIVATIONS = tuple(getattr(nn, name) for name in nn.modules.activation.__all__)


@dataclass
class _Sums:
    kind: str
    factor: float
    broken: float = 0.0
    moved: float = 0.0


def measure_equivariance(
    classify: Callable[[Tensor], Tensor],
    network: nn.Module,
    batches: Iterable[Batch],
    protocol: Protocol,
    *,
    seed: int = 0,
) -> Equivariance:
    """Measure the local equivariance error of every filter, pool and activation of a network.

    The Lie derivative of a layer (Gruver et al., "The Lie Derivative for Measuring Learned Equivariance", ICLR 2023,
    section 3) is what remains of an infinitely small move of its input once its output is moved back. It is 0 where
    moving the input moves the output. Here each layer is looked at by itself, on the maps that the network gives it:
    its error is the norm of that derivative over the norm of all that the move changes in its output, over channels and
    images, see `lie_derivative`. (Gruver et al. push each layer's derivative through the rest of the network instead.)

    A filter without a stride has no error but for its padding, whose borders are left out; a stride has one where it
    aliases, and an activation or a greatest value where it creates frequencies that its map cannot carry.

    Args:
        classify: Normalises views `(N, 3, S, S)` in [0, 1] and runs `network` on them, on the batches' device.
        network: The network in evaluation mode, mitigated or not.
        batches: Decoded images.
        protocol: What the network sees of them, such as `CentreCrop`; all its views count.
        seed: Seed of the views.

    Returns:
        The measurement, ready for JSON.

    Raises:
        ValueError: If there is no image, or an image is too small for the protocol.
    """
    sums: dict[str, _Sums] = {}
    images = 0

    def see(name: str, module: nn.Module, source: Tensor, output: Tensor) -> None:
        kind = _kind(module)
        if kind is None or output.shape[2] < FEWEST:
            return
        broken, whole = lie_derivative(module, source)
        one = sums.setdefault(name, _Sums(kind, protocol.window[0] / source.shape[2]))
        one.broken += float(broken.double().square().sum())
        one.moved += float(whole.double().square().sum())

    with _out_of_place(network), observing(network, see):
        for batch in tqdm(batches, desc="equivariance", delay=PROGRESS_AFTER, leave=False, disable=None):
            for image, index in zip(batch.images, batch.indices.tolist(), strict=True):
                for views in protocol.parts(image, generator_for(seed, protocol.name, index), VIEWS_AT_ONCE):
                    classify(views)
                images += 1
    if not images:
        raise ValueError("equivariance needs at least one image.")
    return {
        "images": images,
        "step": STEP,
        "layers": [
            {
                "layer": name,
                "kind": one.kind,
                "factor": one.factor,
                "error": math.sqrt(one.broken / one.moved) if one.moved else 0.0,
            }
            for name, one in sums.items()
        ],
    }


def lie_derivative(layer: Callable[[Tensor], Tensor], maps: Tensor, step: float = STEP) -> tuple[Tensor, Tensor]:
    """Move a layer's input down a little, and see what of the change of its output is no move.

    Both moves are band-limited (`ideal_shift`), which treats maps as periodic; so that opposite borders make no jump, a
    map is continued by its mirror image below. The rows of a quarter of the doubled map at either end are left out, for
    padding acts there.

    Args:
        layer: From maps to maps, whose rows it may thin out by a whole number.
        maps: `(N, C, H, W)`, what the network gives to the layer.
        step: Rows of the input that it is moved by.

    Returns:
        The Lie derivative, and the derivative of the output by the move of the input, both `(N, C', H', W')` per row.
    """
    doubled = torch.cat([maps, maps.flip(2)], 2)
    output = layer(doubled)
    moved = layer(ideal_shift(doubled, step, 0))
    back = ideal_shift(moved, -step * output.shape[2] / doubled.shape[2], 0)
    rows = slice(output.shape[2] // 4, -(output.shape[2] // 4))
    return ((back - output) / step)[:, :, rows], ((moved - output) / step)[:, :, rows]


def _kind(module: nn.Module) -> str | None:
    """What a layer is; None where it is not looked at, as what surgery has put another layer into."""
    if next(module.children(), None) is not None:
        return None
    if isinstance(module, ACTIVATIONS):
        return "nonlinear"
    if not isinstance(module, FILTERS):
        return None
    stride = module.stride
    if max(stride if isinstance(stride, tuple) else (stride,)) > 1:
        return "strided"
    return "nonlinear" if isinstance(module, nn.MaxPool2d) else "filter"


@contextmanager
def _out_of_place(network: nn.Module) -> Iterator[None]:
    """Keep layers from writing into their input, which is to be looked at after they ran."""
    changed = [module for module in network.modules() if getattr(module, "inplace", False)]
    for module in changed:
        module.inplace = False  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in changed:
            module.inplace = True  # type: ignore[assignment]
