"""How far each layer is from shiftable: the total response of a feature map while the picture moves."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from tqdm import tqdm  # type: ignore[import-untyped]

from lit_invariance.data.batch import Batch
from lit_invariance.diagnostics.observing import observing
from lit_invariance.protocols import Protocol, generator_for
from lit_invariance.results.diagnoses import LayerShiftability, ResponseCurve, Shiftability

THRESHOLD = 0.2
MAPS = 10
VIEWS_AT_ONCE = 64
LINEAR = (nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase)  # what an activation follows
SIGNED = 0.1  # share of negative response from which a layer's maps have no level that they could depart from
PROGRESS_AFTER = 3.0  # seconds


@dataclass
class _Layer:
    """Sums over one layer while images pass: never a map, only its total response."""

    name: str
    input_height: int
    size: tuple[int, int]
    channels: int
    maps: list[int]
    current: list[Tensor] = field(default_factory=list)
    curves: Tensor | None = None
    shares: list[Tensor] = field(default_factory=list)
    negative: float = 0.0
    total: float = 0.0

    @property
    def factor(self) -> float:
        return self.input_height / self.size[0]


def non_shiftability(responses: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """Share of moves at which a map's total response departs from its mean over the moves.

    Azulay & Weiss 2018 (arXiv 1805.12177v1), Figures 4 and 5.

    Args:
        responses: `(T, M)`, S(d) of M maps at T positions of the picture.
        threshold: Least departure that counts, as a share of the mean.

    Returns:
        `(M,)`, in %. A map that never responds is shiftable: 0.

    Example:
        >>> non_shiftability(torch.tensor([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 2.0]]))
        tensor([ 0., 25.], dtype=torch.float64)
    """
    responses = responses.double()
    mean = responses.mean(0)
    return 100 * ((responses - mean).abs() > threshold * mean.abs()).double().mean(0)


def measure_shiftability(
    classify: Callable[[Tensor], Tensor],
    network: nn.Module,
    batches: Iterable[Batch],
    protocol: Protocol,
    *,
    layers: Sequence[str] | None = None,
    maps: int = MAPS,
    threshold: float = THRESHOLD,
    seed: int = 0,
) -> Shiftability:
    """Measure the non-shiftability of every layer, or of chosen ones (Azulay & Weiss 2018, v1, Figures 4 and 5).

    If a feature map is band-limited below its sampling rate, the sum over its positions does not change when the
    picture moves (shiftability: Simoncelli et al. 1992). The sum is taken over `maps` maps of each layer, drawn at
    random; each map's share is averaged over images.

    The departure is relative, so without `layers` those are left out whose maps are signed (their negative response is
    more than a tenth of the whole), and convolutions and normalisations: activations remain, and what pools them.

    Args:
        classify: Normalises views `(N, 3, S, S)` in [0, 1] and runs `network` on them, on the batches' device.
        network: The network in evaluation mode; its layers are looked at.
        batches: Decoded images.
        protocol: The moves. The paper's are those of `SweepInpaint`, a shrunk picture at 104 places, whose border moves
            with it; `CircularSweep` has no border. Any protocol of several views will do.
        layers: Names of layers, signed or not; all where not given.
        maps: Maps of each layer.
        threshold: Least departure that counts, as a share of the mean response.
        seed: Seed of the choice of maps.

    Returns:
        The measurement, ready for JSON.

    Raises:
        UserError: If there is no layer of that name.
        ValueError: If there is no image, or an image is too small for the protocol.
    """
    seen: dict[str, _Layer] = {}
    images, input_height = 0, protocol.window[0]
    first_steps: list[float] = []

    def see(name: str, module: nn.Module, source: Tensor, output: Tensor) -> None:
        if output.shape[2] * output.shape[3] == 1 or (layers is None and isinstance(module, LINEAR)):
            return
        if name not in seen:
            channels = output.shape[1]
            drawn = sorted(random.Random(f"{seed}/{name}").sample(range(channels), min(maps, channels)))
            seen[name] = _Layer(name, input_height, (output.shape[2], output.shape[3]), channels, drawn)
        _add(seen[name], output)

    with observing(network, see, layers):
        for batch in tqdm(batches, desc="shiftability", delay=PROGRESS_AFTER, leave=False, disable=None):
            for image, index in zip(batch.images, batch.indices.tolist(), strict=True):
                for views in protocol.parts(image, generator_for(seed, protocol.name, index), VIEWS_AT_ONCE):
                    classify(views)
                _finish_image(seen, threshold)
                shown = protocol.shown(image.shape[1], image.shape[2])
                first_steps = first_steps or [protocol.steps[position] for position in shown]
                images += 1
    if not images:
        raise ValueError("shiftability needs at least one image.")
    kept = [layer for layer in seen.values() if layers is not None or layer.negative <= SIGNED * layer.total]
    return {
        "protocol": protocol.name,
        "unit": protocol.unit,
        "steps": list(protocol.steps),
        "images": images,
        "threshold": threshold,
        "layers": [_entry(layer) for layer in kept],
        "curves": [curve for layer in _last_of_each_factor(kept) for curve in _curves(layer, first_steps)],
    }


def _add(layer: _Layer, output: Tensor) -> None:
    chosen = output[:, layer.maps].double()
    layer.current.append(chosen.sum((2, 3)))
    layer.negative += float(chosen.clamp(max=0).sum().neg())
    layer.total += float(chosen.abs().sum())


def _finish_image(seen: dict[str, _Layer], threshold: float) -> None:
    for layer in seen.values():
        responses = torch.cat(layer.current).cpu()
        layer.current.clear()
        layer.curves = responses if layer.curves is None else layer.curves
        layer.shares.append(non_shiftability(responses, threshold))


def _entry(layer: _Layer) -> LayerShiftability:
    shares = torch.stack(layer.shares).mean(0)
    return {
        "layer": layer.name,
        "factor": layer.factor,
        "side": list(layer.size),
        "channels": layer.channels,
        "maps": layer.maps,
        "non_shiftability": shares.tolist(),
        "mean": float(shares.mean()),
        "spread": float(shares.std(correction=0)),
    }


def _last_of_each_factor(layers: Sequence[_Layer]) -> list[_Layer]:
    return list({layer.factor: layer for layer in layers}.values())


def _curves(layer: _Layer, steps: list[float]) -> list[ResponseCurve]:
    if layer.curves is None:
        return []
    return [
        {"layer": layer.name, "factor": layer.factor, "map": number, "steps": steps, "responses": responses}
        for number, responses in zip(layer.maps, layer.curves.T.tolist(), strict=True)
    ]
