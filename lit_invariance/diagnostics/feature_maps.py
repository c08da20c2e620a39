"""One feature map under several moves of the picture, to look at."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from lit_invariance.diagnostics.observing import observing
from lit_invariance.protocols import Protocol, generator_for
from lit_invariance.results.diagnoses import FeatureMaps


def show_feature_map(
    classify: Callable[[Tensor], Tensor],
    network: nn.Module,
    image: Tensor,
    protocol: Protocol,
    layer: str,
    map_number: int,
    positions: Sequence[int],
    *,
    index: int = 0,
    seed: int = 0,
) -> FeatureMaps:
    """Return one feature map under chosen moves (Azulay & Weiss 2018, v1, Figure 4).

    Args:
        classify: Normalises views `(N, 3, S, S)` in [0, 1] and runs `network` on them, on the image's device.
        network: The network in evaluation mode.
        image: A decoded image, uint8 `(3, H, W)`.
        protocol: The moves.
        layer: The layer, as `measure_shiftability` names it.
        map_number: The channel.
        positions: Which of the protocol's steps to show.
        index: Position of the image in its data set; it seeds the views.
        seed: Seed of the views.

    Returns:
        The maps, ready for JSON.

    Raises:
        UserError: If there is no such layer.
        ValueError: If it gives no feature map, or the image is too small for the protocol.
    """
    found: list[Tensor] = []

    def see(name: str, module: nn.Module, source: Tensor, output: Tensor) -> None:
        if name == layer:
            found.append(output[:, map_number].double().cpu())

    views = protocol(image, generator_for(seed, protocol.name, index))
    with observing(network, see, [layer.partition("#")[0]]):
        classify(views[list(positions)])
    if not found:
        raise ValueError(f"layer {layer} gives no feature map.")
    return {
        "layer": layer,
        "map": map_number,
        "unit": protocol.unit,
        "steps": [protocol.steps[position] for position in positions],
        "values": found[0].tolist(),
        "responses": found[0].sum((1, 2)).tolist(),
    }


def extreme_positions(responses: Sequence[float]) -> list[int]:
    """Return the positions of the least, the middle and the greatest response, in the order of the moves."""
    order = sorted(range(len(responses)), key=responses.__getitem__)
    return sorted({order[0], order[len(order) // 2], order[-1]})
