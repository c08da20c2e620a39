"""The photographer's bias: are the objects of a data set found at every position and in every size?"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from lit_invariance.data.annotated_boxes import AnnotatedBox
from lit_invariance.results.diagnoses import Bias, Histograms

Array = NDArray[np.float64]

LEVEL = 0.05
BINS = 20
LEAST_BOXES = 5  # a class with fewer is not tested
TEST = (
    "Kolmogorov-Smirnov against the uniform law; positions: rows and columns combined by Fisher's method; "
    "over classes: false discovery rate of Benjamini and Hochberg"
)


def measure_bias(boxes: Iterable[AnnotatedBox], *, level: float = LEVEL, seed: int = 0) -> Bias:
    """Test for each class whether its objects' positions and heights are uniform (Azulay & Weiss 2019).

    An object of width w can begin at 0 to W - w, so its position is that share of the room it has: exactly uniform if
    the photographer does not care, whatever the sizes. An object that fills the image says nothing about position.
    Heights are shares of the image's height. Boxes of whole pixels are spread at random over their pixel, or their
    lattice would pass for a departure. Of each class the largest object of an image counts: others depend on it.

    Args:
        boxes: The boxes of the data set.
        level: Level of the tests, in (0, 1).
        seed: Seed of the spreading.

    Returns:
        The measurement, ready for JSON.

    Raises:
        ValueError: If no box has an area inside its image.
    """
    largest, left_out = _largest_of_each_image(boxes)
    if not largest:
        raise ValueError("no box has an area inside its image.")
    by_class: dict[str, list[AnnotatedBox]] = {}
    for box in largest:
        by_class.setdefault(box.label, []).append(box)
    labels = sorted(by_class)
    places = [_places(by_class[label], np.random.default_rng([seed, n])) for n, label in enumerate(labels)]
    position = _corrected([_combined([_uniformity(x), _uniformity(y)]) for x, y, _ in places])
    height = _corrected([_uniformity(heights) for _, _, heights in places])
    return {
        "test": TEST,
        "level": level,
        "objects": len(largest),
        "left_out": left_out,
        "tested": sum(value is not None for value in height),
        "non_uniform_position": _share_below(position, level),
        "non_uniform_height": _share_below(height, level),
        "spread": _spread(np.concatenate([values for x, y, _ in places for values in (x, y)])),
        "histograms": _histograms(largest),
        "classes": [
            {
                "label": label,
                "objects": len(by_class[label]),
                "spread": _spread(np.concatenate(places[n][:2])),
                "p_position": position[n],
                "p_height": height[n],
                "histograms": _histograms(by_class[label]),
            }
            for n, label in enumerate(labels)
        ],
    }


def _largest_of_each_image(boxes: Iterable[AnnotatedBox]) -> tuple[list[AnnotatedBox], int]:
    largest: dict[tuple[str, str], AnnotatedBox] = {}
    left_out = 0
    for given in boxes:
        box = _clipped(given)
        if not _area(box) > 0:
            left_out += 1
            continue
        key = box.image, box.label
        if key not in largest or _area(box) > _area(largest[key]):
            largest[key] = box
    return list(largest.values()), left_out


def _clipped(box: AnnotatedBox) -> AnnotatedBox:
    left, top, right, bottom = box.box
    return box._replace(box=(max(left, 0.0), max(top, 0.0), min(right, box.width), min(bottom, box.height)))


def _area(box: AnnotatedBox) -> float:
    left, top, right, bottom = box.box
    return max(right - left, 0.0) * max(bottom - top, 0.0)


def _columns(boxes: Sequence[AnnotatedBox]) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Left, top, right and bottom edges, widths and heights of the images, each `(N,)`."""
    table = np.array([(*box.box, box.width, box.height) for box in boxes], dtype=np.float64)
    left, top, right, bottom, width, height = table.T
    return left, top, right, bottom, width, height


def _places(boxes: Sequence[AnnotatedBox], generator: np.random.Generator) -> tuple[Array, Array, Array]:
    """Positions along x and y of those that can move, and heights, all uniform on [0, 1] without a bias."""
    left, top, right, bottom, width, height = _columns(boxes)
    across = _share_of_room(left, right - left, width, generator)
    down = _share_of_room(top, bottom - top, height, generator)
    length = bottom - top
    whole = (length % 1 == 0) & (height % 1 == 0)
    heights = np.where(whole, (length - generator.random(len(length))) / height, length / height)
    return across, down, heights


def _share_of_room(start: Array, length: Array, side: Array, generator: np.random.Generator) -> Array:
    room = side - length
    whole = (start % 1 == 0) & (room % 1 == 0)
    spread = generator.random(len(start))
    # A box of whole pixels has room + 1 places.
    share = np.where(whole, (start + spread) / (room + 1), start / np.where(room > 0, room, 1))
    return share[room > 0]


def _uniformity(values: Array) -> float | None:
    if len(values) < LEAST_BOXES:
        return None
    return float(stats.kstest(values, "uniform").pvalue)


def _combined(p_values: Sequence[float | None]) -> float | None:
    present = [max(value, np.finfo(float).tiny) for value in p_values if value is not None]
    return float(stats.combine_pvalues(present, method="fisher").pvalue) if present else None


def _corrected(p_values: Sequence[float | None]) -> list[float | None]:
    present = [value for value in p_values if value is not None]
    adjusted = iter(stats.false_discovery_control(present) if present else [])
    return [None if value is None else float(next(adjusted)) for value in p_values]


def _share_below(p_values: Sequence[float | None], level: float) -> float | None:
    present = [value for value in p_values if value is not None]
    return sum(value < level for value in present) / len(present) if present else None


def _spread(places: Array) -> float | None:
    """Root mean square distance from the middle, as a share of the uniform law's."""
    return float(np.sqrt(12 * np.mean((places - 0.5) ** 2))) if len(places) else None


def _histograms(boxes: Sequence[AnnotatedBox]) -> Histograms:
    left, top, right, bottom, width, height = _columns(boxes)

    def count(values: Array) -> Any:
        return np.histogram(values, bins=BINS, range=(0, 1))[0].tolist()

    return {
        "x": count((left + right) / 2 / width),
        "y": count((top + bottom) / 2 / height),
        "height": count((bottom - top) / height),
    }
