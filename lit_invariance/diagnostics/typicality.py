"""Are networks stable on pictures that look like their training set, and only on those?"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from lit_invariance.data.batch import Batch
from lit_invariance.diagnostics.neighbours import NEIGHBOURS, nearest_distances
from lit_invariance.diagnostics.perceptual import Embedding
from lit_invariance.protocols import CentreCrop, views_of
from lit_invariance.protocols.window import Size
from lit_invariance.results.diagnoses import Bin, Typicality

Array = NDArray[np.float64]

BINS = 5
LEVEL = 0.95
RESAMPLES = 2000
DRAWS = 4_000_000  # values of resamples held at once


def measure_typicality(
    embedding: Embedding,
    test: Iterable[Batch],
    train: Callable[[], Iterable[Batch]],
    changes: Array,
    *,
    size: Size,
    neighbours: int = NEIGHBOURS,
    seed: int = 0,
) -> Typicality:
    """Measure how far test images are from the training set, and relate it to their stability.

    Azulay & Weiss 2019: networks are steady for images that look like their training set. The distance is that of the
    standard views (`CentreCrop`), the mean over the nearest training images.

    Args:
        embedding: What makes the distance: `deep_features` or `lpips`.
        test: Decoded test images, on the device of the embedding's network.
        train: Returns the decoded training images, from the first, at each call. None of them should be a test image.
        changes: `(N,)`, the test images' `top1_change`, in their order.
        size: Size of the views in pixels.
        neighbours: Number of nearest training images.
        seed: Seed of the bootstrap.

    Returns:
        The measurement, ready for JSON.

    Raises:
        ValueError: If there are fewer training images than neighbours, or changes are not those of the test images.
    """
    distances = nearest_distances(
        embedding.embed, _standard(test, size), lambda: _standard(train(), size), neighbours=neighbours
    )
    return relate_typicality(distances, changes, distance=embedding.name, neighbours=neighbours, seed=seed)


def _standard(batches: Iterable[Batch], size: Size) -> Iterator[Tensor]:
    crop = CentreCrop(size=size)
    return (views_of(crop, batch.images, batch.indices, seed=0).flatten(0, 1) for batch in batches)


def relate_typicality(
    distances: Array, changes: Array, *, distance: str, neighbours: int, bins: int = BINS, seed: int = 0
) -> Typicality:
    """Relate distances from the training set to how often answers change.

    Intervals resample images (percentile bootstrap), those of the bins within each bin. A positive rank correlation
    (Spearman) says that images unlike the training set are less steady.

    Args:
        distances: `(N,)`, of each test image to its nearest training images, see `nearest_distances`.
        changes: `(N,)`, its `top1_change`, in the same order.
        distance: Name of the distance, see `Embedding`.
        neighbours: Number of training images that it is the mean of.
        bins: Number of bins.
        seed: Seed of the bootstrap.

    Returns:
        The measurement, ready for JSON.

    Raises:
        ValueError: If the two do not belong to the same images, or there are fewer images than bins.
    """
    distances, changes = np.asarray(distances, np.float64), np.asarray(changes, np.float64)
    if distances.shape != changes.shape or distances.ndim != 1:
        raise ValueError(f"distances and changes are of the same images, not {distances.shape} and {changes.shape}.")
    if len(distances) < max(bins, 2):
        raise ValueError(f"{bins} bins need at least as many images, not {len(distances)}.")
    generator = np.random.default_rng(seed)
    parts = np.array_split(np.argsort(distances, kind="stable"), bins)
    correlation, low, high = _correlation(distances, changes, generator)
    return {
        "distance": distance,
        "neighbours": neighbours,
        "images": len(distances),
        "level": LEVEL,
        "bins": [_bin(distances[part], changes[part], generator) for part in parts],
        "correlation": correlation,
        "low": low,
        "high": high,
    }


def _bin(distances: Array, changes: Array, generator: np.random.Generator) -> Bin:
    drawn = generator.integers(len(changes), size=(RESAMPLES, len(changes)))
    low, high = _ends(changes[drawn].mean(1))
    return {
        "nearest": float(distances[0]),
        "farthest": float(distances[-1]),
        "images": len(changes),
        "distance": float(distances.mean()),
        "change": float(changes.mean()),
        "low": low,
        "high": high,
    }


def _correlation(
    distances: Array, changes: Array, generator: np.random.Generator
) -> tuple[float | None, float | None, float | None]:
    if np.ptp(distances) == 0 or np.ptp(changes) == 0:
        return None, None, None
    own = rank_correlations(distances[None], changes[None])[0]
    resampled: list[Array] = []
    at_once = max(1, DRAWS // len(distances))
    for start in range(0, RESAMPLES, at_once):
        drawn = generator.integers(len(distances), size=(min(at_once, RESAMPLES - start), len(distances)))
        resampled.append(rank_correlations(distances[drawn], changes[drawn]))
    low, high = _ends(np.concatenate(resampled))
    return float(own), low, high


def rank_correlations(first: Array, second: Array) -> Array:
    """Spearman's rank correlation of each row; ties share their mean rank.

    Args:
        first: `(B, N)`.
        second: `(B, N)`.

    Returns:
        `(B,)`; 0 for a row that is constant.
    """
    ranks = [stats.rankdata(values, axis=1) for values in (first, second)]
    one, other = (rank - rank.mean(1, keepdims=True) for rank in ranks)
    lengths = np.sqrt((one**2).sum(1) * (other**2).sum(1))
    return np.asarray((one * other).sum(1) / np.where(lengths > 0, lengths, 1))


def _ends(values: Array) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
