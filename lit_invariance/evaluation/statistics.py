"""How far a mean over images may be trusted: bootstrap intervals over images, for many columns in one pass."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Array = NDArray[np.float64]

LEVEL = 0.95
RESAMPLES = 9999
DECIMALS = 12
# Draws held at once; 4 million take about 100 MB, whether 400 resamples of 10,000 images or 80 of 50,000.
DRAWS = 4_000_000


@dataclass(frozen=True)
class Intervals:
    """Estimates with their confidence intervals.

    Attributes:
        mean: `(V,)`.
        low: `(V,)`, lower ends.
        high: `(V,)`, upper ends.
    """

    mean: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class Bootstrap:
    """Means over images as they come out when images are resampled.

    Attributes:
        mean: `(V,)`, over the images for which a column is defined; nan where it is for none.
        resampled: `(B, V)`, the same in B resamples; the resamples are the same for all columns.
        influence: `(N, V)`, how far each image moves the mean, up to a factor.
        count: `(V,)`, the number of images for which a column is defined.
    """

    mean: Array
    resampled: Array
    influence: Array
    count: Array

    def minus(self, columns: Sequence[int]) -> "Bootstrap":
        """Subtract from each column another one, paired by resample.

        Args:
            columns: For each of the V columns the one to subtract.

        Returns:
            The differences of means.
        """
        others = list(columns)
        return Bootstrap(
            self.mean - self.mean[others],
            self.resampled - self.resampled[:, others],
            self.influence - self.influence[:, others],
            np.minimum(self.count, self.count[others]),
        )

    def beside(self, other: "Bootstrap") -> "Bootstrap":
        """Put the columns of another bootstrap of the same images with the same seed after these.

        Args:
            other: W columns.

        Returns:
            V + W columns.
        """
        return Bootstrap(
            np.concatenate([self.mean, other.mean]),
            np.concatenate([self.resampled, other.resampled], axis=1),
            np.concatenate([self.influence, other.influence], axis=1),
            np.concatenate([self.count, other.count]),
        )

    def averaged(self, groups: Sequence[Sequence[int]]) -> "Bootstrap":
        """Average columns, as over the runs of one config.

        Args:
            groups: For each new column those to average.

        Returns:
            G columns.
        """
        members = [list(group) for group in groups]
        return Bootstrap(
            np.array([self.mean[group].mean() for group in members]),
            np.stack([self.resampled[:, group].mean(1) for group in members], axis=1),
            np.stack([self.influence[:, group].mean(1) for group in members], axis=1),
            np.array([self.count[group].min() for group in members]),
        )

    def intervals(self, level: float = LEVEL, bounds: tuple[Array, Array] | None = None) -> Intervals:
        """Return the bias-corrected and accelerated intervals (BCa).

        Efron, "Better Bootstrap Confidence Intervals", JASA 82(397), 1987; for a mean its acceleration has a closed
        form. On 200 images it covers a share of .02 in 96 % of cases, plain percentiles in 87 %. Of two models that are
        equally good and disagree on six images only, it leaves 0 out in 9 % of cases instead of 5 %; from fifteen on,
        in 5-7 %.

        Resampling a column of equal values says nothing of the values that were not met. Where the score's `bounds` are
        known, its ends come from Clopper & Pearson's (Biometrika 26, 1934): of no exception on n images follows that
        exceptions are rarer than `1 - (tail) ** (1 / n)`, and each moves the mean by no more than the way to a bound.

        Args:
            level: Coverage in (0, 1).
            bounds: Least and greatest possible value of each column, `(V,)`; nan where there is none.

        Returns:
            Means and ends `(V,)`. A column of equal values without bounds has an interval of no width.
        """
        shares = _bca_shares(self.mean, self.resampled, self.influence, level)
        # What is left of equal values after the subtraction of their mean is rounding.
        constant = np.abs(self.influence).max(0) < 10.0**-DECIMALS
        low, high = (_quantiles(self.resampled, share) for share in shares)
        least, greatest = (self.mean, self.mean) if bounds is None else bounds
        unseen = 1 - ((1 - level) / 2) ** (1 / np.maximum(self.count, 1))
        return Intervals(
            self.mean,
            np.where(constant, self.mean - unseen * np.nan_to_num(self.mean - least), low),
            np.where(constant, self.mean + unseen * np.nan_to_num(greatest - self.mean), high),
        )


def bootstrap(values: Array, seed: int, resamples: int = RESAMPLES, weights: Array | None = None) -> Bootstrap:
    """Resample images with replacement and take the mean of every column each time.

    `scipy.stats.bootstrap` computes the same intervals and is the witness of the tests; it does not serve here because
    its jackknife takes N^2 steps, and it gathers every value of every resample where a matrix product does.

    Args:
        values: `(N, V)`, one row an image; nan where a column is undefined for an image, which then does not count.
        seed: Seed of the resampling.
        resamples: Number of resamples B.
        weights: `(N,)`, what each row counts in a mean; None where all count alike. The weights of a resample are those
            of its rows, so that its mean is a ratio, as that of a column which is undefined for some images.

    Raises:
        ValueError: If there are no images, or a value is infinite.
    """
    if values.ndim != 2 or not len(values):
        raise ValueError(f"values are (images, columns) with at least one image, not {values.shape}.")
    if np.isinf(values).any():
        raise ValueError("a mean over images needs finite values.")
    defined = ~np.isnan(values)
    shares = np.ones(len(values)) if weights is None else weights / weights.mean()
    counted = defined * shares[:, None]
    filled = np.where(defined, values, 0.0) * counted
    # Only where some image does not count, or some count more, does what counts vary.
    partly = (counted != 1).any(0)
    resampled = np.empty((resamples, values.shape[1]))
    row = 0
    for counts in resample_counts(len(values), seed, resamples):
        block = resampled[row : row + len(counts)]
        block[:] = counts @ filled / len(values)
        block[:, partly] = ratio(counts @ filled[:, partly], counts @ counted[:, partly])
        row += len(counts)
    mean = ratio(filled.sum(0), counted.sum(0))
    influence = np.where(defined, values - mean, 0.0) * counted / np.maximum(counted.mean(0), 1 / len(values))
    return Bootstrap(mean, resampled, influence, defined.sum(0).astype(np.float64))


def ratio(sums: Array, counts: Array) -> Array:
    """Divide sums by counts of the same shape; nan where nothing was counted."""
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


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


def _bca_shares(mean: Array, resampled: Array, influence: Array, level: float) -> tuple[Array, Array]:
    """Choose the quantiles of the resampled means that are the ends of the interval, two `(V,)` in [0, 1]."""
    known = len(resampled) - np.isnan(resampled).sum(0)
    below = ((resampled < mean).sum(0) + (resampled <= mean).sum(0)) / 2 / np.maximum(known, 1)
    bias = ndtri(np.clip(below, 1 / (len(resampled) + 1), len(resampled) / (len(resampled) + 1)))
    squares, cubes = (influence**2).sum(0), (influence**3).sum(0)
    # The jackknife means of a sample are its values, mirrored and scaled, so their skewness is the sample's.
    acceleration = np.divide(cubes, 6 * squares**1.5, out=np.zeros_like(cubes), where=squares > 0)
    tail = ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))
    low, high = (ndtr(bias + (bias + z) / (1 - acceleration * (bias + z))) for z in tail)
    return low, high


def _quantiles(resampled: Array, shares: Array) -> Array:
    ends = [_quantile(column, share) for column, share in zip(resampled.T, shares, strict=True)]
    # An end that is 0 but for rounding must not look as if it left 0 out.
    return np.round(ends, DECIMALS)


def _quantile(column: Array, share: float) -> float:
    """A quantile over the resamples that hold an image which counts; nan where none does."""
    if np.isnan(column[0]) or np.isnan(column.sum()):
        column = column[~np.isnan(column)]
    return float(np.quantile(column, share)) if len(column) else math.nan
