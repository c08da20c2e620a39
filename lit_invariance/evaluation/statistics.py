"""How far a mean over images may be trusted: bootstrap intervals over images, for many columns in one pass."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Array = NDArray[np.float64]

LEVEL = 0.95
RESAMPLES = 9999
DECIMALS = 12
# Draws held at once; 4 million take about 100 MB, be it 400 resamples of 10,000 images or 80 of 50,000.
DRAWS = 4_000_000


@dataclass(frozen=True)
class Intervals:
    """Means over images with their confidence intervals.

    Attributes:
        mean: `(V,)`.
        low: `(V,)`, lower ends.
        high: `(V,)`, upper ends.
    """

    mean: Array
    low: Array
    high: Array


def intervals(values: Array, seed: int, level: float = LEVEL, resamples: int = RESAMPLES) -> Intervals:
    """Bootstrap the mean over images of every column.

    Images are resampled with replacement, the same ones for all columns; a column of per-image differences between two
    models gets the interval of the paired comparison. The interval is the bias-corrected and accelerated one (BCa) of
    Efron, "Better Bootstrap Confidence Intervals", JASA 82(397), 1987; for a mean its acceleration has a closed form.
    On 200 images it covers a share of .02 in 96 % of cases, plain percentiles in 87 %. Of two models that are equally
    good and disagree on six images only, it leaves 0 out in 9 % of cases instead of 5 %; from fifteen on, in 5-7 %.

    `scipy.stats.bootstrap` computes the same intervals and is the witness of the tests; it does not serve here because
    its jackknife takes N^2 steps, and it gathers every value of every resample where a matrix product does.

    Args:
        values: `(N, V)`, one row an image, finite.
        seed: Seed of the resampling.
        level: Coverage in (0, 1).
        resamples: Number of resamples.

    Returns:
        Means and ends `(V,)`. A column of equal values has an interval of no width.

    Raises:
        ValueError: If there are no images, or a value is not finite.
    """
    if values.ndim != 2 or not len(values):
        raise ValueError(f"values are (images, columns) with at least one image, not {values.shape}.")
    if not np.isfinite(values).all():
        raise ValueError("a mean over images needs finite values.")
    mean = values.mean(0)
    blocks = resample_counts(len(values), seed, resamples)
    resampled = np.concatenate([counts @ values for counts in blocks]) / len(values)
    shares = bca_shares(values, resampled, level)
    constant = np.ptp(values, axis=0) == 0
    low, high = (np.where(constant, mean, _quantiles(resampled, share)) for share in shares)
    return Intervals(mean, low, high)


def resample_counts(images: int, seed: int, resamples: int) -> Iterator[Array]:
    """Draw how often every image occurs in each bootstrap resample, some resamples at a time.

    Args:
        images: N.
        seed: Seed of the draws.
        resamples: Number of resamples in all.

    Yields:
        `(b, N)`, counts that sum to N in each row; the rows of all blocks together are `resamples`.
    """
    generator = np.random.default_rng(seed)
    at_once = max(1, DRAWS // images)
    for start in range(0, resamples, at_once):
        rows = min(at_once, resamples - start)
        drawn = generator.integers(0, images, (rows, images)) + np.arange(rows)[:, None] * images
        yield np.bincount(drawn.ravel(), minlength=rows * images).reshape(rows, images).astype(np.float64)


def bca_shares(values: Array, resampled: Array, level: float) -> tuple[Array, Array]:
    """Choose the quantiles of the resampled means that are the ends of the BCa interval.

    Args:
        values: `(N, V)`.
        resampled: `(B, V)`, resampled means of `values`.
        level: Coverage.

    Returns:
        Two `(V,)`, the shares of the lower and the upper end in [0, 1].
    """
    mean = values.mean(0)
    below = ((resampled < mean).mean(0) + (resampled <= mean).mean(0)) / 2
    bias = ndtri(np.clip(below, 1 / (len(resampled) + 1), len(resampled) / (len(resampled) + 1)))
    squares, cubes = ((values - mean) ** 2).sum(0), ((values - mean) ** 3).sum(0)
    # The jackknife means of a sample are its values, mirrored and scaled, so their skewness is the sample's.
    acceleration = np.divide(cubes, 6 * squares**1.5, out=np.zeros_like(cubes), where=squares > 0)
    tail = ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))
    low, high = (ndtr(bias + (bias + z) / (1 - acceleration * (bias + z))) for z in tail)
    return low, high


def _quantiles(resampled: Array, shares: Array) -> Array:
    ends = [np.quantile(column, share) for column, share in zip(resampled.T, shares, strict=True)]
    # An end that is 0 but for rounding must not look as if it left 0 out.
    return np.round(ends, DECIMALS)
