"""Where a network aliases: the energy that each strided operation folds down from above the new Nyquist limit."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import ceil, pi, sqrt
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm  # type: ignore[import-untyped]

from lit_invariance.data.batch import Batch
from lit_invariance.diagnostics.observing import observing
from lit_invariance.diagnostics.shiftability import PROGRESS_AFTER, VIEWS_AT_ONCE
from lit_invariance.errors import UserError
from lit_invariance.mitigations.graph.strided_ops import strided_places
from lit_invariance.mitigations.surgery.blurpool import BlurPool2d
from lit_invariance.mitigations.surgery.sampling import KeepPhase
from lit_invariance.protocols import Protocol, generator_for
from lit_invariance.results.diagnoses import Aliasing

# Their filter does not depend on their stride: with a stride of one they give the map just before subsampling.
UNSTRIDABLE = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, BlurPool2d)
MOST_AT_ONCE = 2**24  # samples whose spectrum is taken at once, some 400 MB


@dataclass
class _Sums:
    kind: str
    stride: tuple[int, int]
    factor: float
    channels: int
    aliased: float = 0.0
    total: float = 0.0


def measure_aliasing(
    classify: Callable[[Tensor], Tensor],
    network: nn.Module,
    batches: Iterable[Batch],
    protocol: Protocol,
    *,
    seed: int = 0,
) -> Aliasing:
    """Measure at each strided operation the share of energy that lies above the Nyquist limit of what it keeps.

    The map just before subsampling is the operation's own output without its stride (the dense output of a strided
    convolution, of a pool, of a blur), so that its filter is credited to it. Its energy is that of all channels and
    images, without the mean of each map; see `aliased_energy` for the limit.

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
        stride = _stride(module)
        if max(stride) == 1:
            return
        dense = dense_output(module, source)
        if name not in sums:
            factor = protocol.window[0] / source.shape[2]
            sums[name] = _Sums(type(module).__name__, stride, factor, dense.shape[1])
        for part in torch.split(dense, max(1, MOST_AT_ONCE // dense[0].numel())):
            aliased, total = aliased_energy(part, stride)
            sums[name].aliased += float(aliased.sum())
            sums[name].total += float(total.sum())

    with observing(network, see):
        for batch in tqdm(batches, desc="aliasing", delay=PROGRESS_AFTER, leave=False, disable=None):
            for image, index in zip(batch.images, batch.indices.tolist(), strict=True):
                for views in protocol.parts(image, generator_for(seed, protocol.name, index), VIEWS_AT_ONCE):
                    classify(views)
                images += 1
    if not images:
        raise ValueError("aliasing needs at least one image.")
    return {
        "images": images,
        "operations": [
            {
                "operation": name,
                "kind": place.kind,
                "stride": list(place.stride),
                "factor": place.factor,
                "channels": place.channels,
                "aliased": place.aliased / place.total if place.total else 0.0,
            }
            for name, place in sums.items()
        ],
        "unseen": _function_calls(network),
    }


def aliased_energy(maps: Tensor, stride: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Split the energy of feature maps at the Nyquist limit of every `stride`-th sample.

    The spectrum is that of the discrete cosine transform (DCT-II), which continues a map by its mirror image: opposite
    borders, which have nothing to do with each other, make no jump. Of N samples every s-th is kept; these ceil(N / s)
    samples can tell as many cosines apart, those of index below N / s. The energy of all others is aliased.

    Args:
        maps: `(N, C, H, W)`.
        stride: Samples from one kept row to the next, and from one kept column to the next.

    Returns:
        The aliased and the whole energy, both without the mean of each map, `(N, C)` float64.
    """
    maps = maps.double() - maps.double().mean((2, 3), keepdim=True)
    low = maps
    for dim, step in zip((2, 3), stride, strict=True):
        size = maps.shape[dim]
        low = torch.tensordot(low, _cosines(size, ceil(size / step), maps), dims=([2], [1]))
    total = maps.square().sum((2, 3))
    return (total - low.square().sum((2, 3))).clamp(min=0), total


def dense_output(layer: nn.Module, maps: Tensor) -> Tensor:
    """Return what a strided layer would give without its stride.

    A layer whose filter may depend on its stride is run once for each phase of its lattice, on the map moved
    cyclically, and the results are put between each other.

    Args:
        layer: A layer with an attribute `stride`.
        maps: Its input, `(N, C, H, W)`.

    Returns:
        `(N, C', H', W')`, with as many samples as without the stride.
    """
    if isinstance(layer, KeepPhase):
        return maps  # it only chooses among samples, and its choice belongs to the pass that runs
    stride = _stride(layer)
    if isinstance(layer, UNSTRIDABLE):
        given: Any = layer.stride
        layer.stride = (1, 1) if isinstance(given, tuple) else 1
        try:
            dense: Tensor = layer.forward(maps)
        finally:
            layer.stride = given
        return dense
    phases = [[layer.forward(maps.roll((-i, -j), (2, 3))) for j in range(stride[1])] for i in range(stride[0])]
    columns = [torch.stack(row, dim=-1).flatten(-2) for row in phases]
    return torch.stack(columns, dim=-2).flatten(-3, -2)


def _cosines(size: int, count: int, like: Tensor) -> Tensor:
    """The first `count` rows of the orthonormal DCT-II matrix of `size` samples."""
    places = torch.arange(size, dtype=torch.float64, device=like.device) + 0.5
    index = torch.arange(count, dtype=torch.float64, device=like.device)
    matrix = torch.cos(pi / size * index[:, None] * places) * sqrt(2 / size)
    matrix[0] /= sqrt(2)
    return matrix


def _stride(module: nn.Module) -> tuple[int, int]:
    """The stride of a layer; blocks, which note the stride of a layer inside them, have none of their own."""
    stride: Any = getattr(module, "stride", 1)
    is_layer = isinstance(module, nn.Conv2d | KeepPhase) or next(module.children(), None) is None
    if not is_layer or isinstance(module, nn.modules.conv._ConvTransposeNd):
        return 1, 1
    if isinstance(stride, tuple | list):
        return (int(stride[0]), int(stride[-1]))
    return (stride, stride) if isinstance(stride, int) else (1, 1)


def _function_calls(network: nn.Module) -> list[str]:
    try:
        return [place.name for place in strided_places(network) if place.call is not None]
    except UserError:  # the network cannot be traced
        return []
