"""Is one model better than another on the same images? Paired tests without a normal distribution, many at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import bdtr, ndtr

from lit_invariance.evaluation.statistics import Array

PERMUTATIONS = 9999
# 2^12 sign patterns are fewer than the drawn ones, so that up to twelve images are worth enumerating.
ENUMERATED = 12
# A tail in which fewer draws lie is not known well enough to be multiplied by a table's number of comparisons.
FEWEST_BEYOND = 25
SIGNS = 4_000_000  # held at once


def paired_p_values(values: Array, others: Sequence[int], seed: int, permutations: int = PERMUTATIONS) -> Array:
    """Test each column against another one: do the two have the same mean?

    * Two columns of zeros and ones, defined for every image: McNemar's test on the images on which the two differ
      (Psychometrika 12, 1947), in its mid-p form, see `mcnemar`.
    * Otherwise a permutation test: were the two models alike, each image's difference would be as likely with the other
      sign. All patterns of signs are counted where up to 12 images differ; else 9999 are drawn, the same for all
      columns. Where less than 25 of them go as far as the data do, Lugannani & Rice's saddlepoint formula gives the
      tail of the same distribution (Robinson, J. R. Statist. Soc. B 44(1), 1982), for 1/10000 would be the least
      p-value there is, and too coarse for a table of many comparisons.

    Where a column is undefined for some images (nan), an image's difference is that of its contributions to the two
    means, `(a - m) / share of images defined in A - (b - m) / share defined in B` with the mean m of all defined
    values; their average is the difference of the two means exactly, and without nan they are plain differences.

    Args:
        values: `(N, V)`, one row an image.
        others: For each of the V columns the one to test it against.
        seed: Seed of the signs.
        permutations: Number of drawn sign patterns.

    Returns:
        Two-sided p-values `(V,)`; 1 where no image differs, nan where a column is defined for no image.
    """
    against = list(others)
    differences = _contributions(values, values[:, against])
    p = np.ones(values.shape[1])
    p[np.isnan(differences).any(0)] = np.nan
    binary: NDArray[np.bool_] = np.asarray(np.isin(values, (0.0, 1.0)).all(0))
    exact = binary & binary[against]
    p[exact] = mcnemar((differences[:, exact] > 0).sum(0), (differences[:, exact] < 0).sum(0))
    differing = (np.abs(differences) > 1e-12).sum(0)
    few = ~exact & ~np.isnan(p) & (differing > 0) & (differing <= ENUMERATED)
    for column in np.flatnonzero(few):
        p[column] = _enumerated(differences[:, column])
    many = ~exact & ~np.isnan(p) & (differing > ENUMERATED)
    if many.any():
        p[many] = _drawn(differences[:, many], seed, permutations)
    return p


def mcnemar(more: NDArray[np.int64], less: NDArray[np.int64]) -> Array:
    """Return McNemar's mid-p value: twice the binomial tail, in which the observed table counts half.

    The exact test counts it whole, and with so few possible tables keeps far below its nominal size: of 200 images on
    10 % of which two equal models disagree, it calls them different in 2.9 % of cases at .05, the mid-p test in 4.6 %
    (Fagerland, Lydersen & Laake, BMC Med. Res. Methodol. 13:91, 2013, recommend the latter). It may exceed the nominal
    size, by little.

    Args:
        more: `(M,)`, images that only the first model has right.
        less: `(M,)`, images that only the second one has right.

    Returns:
        `(M,)`, two-sided p-values; 1 where the two numbers are equal.

    Example:
        >>> mcnemar(np.array([5, 2]), np.array([0, 2])).tolist()
        [0.03125, 1.0]
    """
    fewer, of = np.minimum(more, less).astype(np.float64), more + less
    beyond = np.where(fewer > 0, bdtr(np.maximum(fewer - 1, 0), of, 0.5), 0.0)
    p: Array = beyond + bdtr(fewer, of, 0.5)
    return p


def holm(p: Array) -> Array:
    """Correct p-values for the number of comparisons, by Holm's step-down method (Scand. J. Statist. 6, 1979).

    The chance that any of the comparisons without a true difference comes out below .05 is at most .05.

    Args:
        p: `(M,)`; nan is no comparison.

    Returns:
        `(M,)`, corrected values in [0, 1].

    Example:
        >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
        [0.03, 0.06, 0.06]
    """
    corrected = np.full(len(p), np.nan)
    order = np.argsort(p, kind="stable")  # nan comes last
    order = order[: np.count_nonzero(~np.isnan(p))]
    stepped = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1.0) if len(order) else stepped
    return corrected


def _contributions(first: Array, second: Array) -> Array:
    """Per-image parts `(N, V)` of the difference of means; nan in a column without defined images."""
    defined = np.stack([~np.isnan(first), ~np.isnan(second)])
    filled = np.where(defined, np.stack([first, second]), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = filled.sum((0, 1)) / defined.sum((0, 1))
        parts = np.where(defined, filled - pooled, 0.0) / defined.mean(1, keepdims=True)
    parts[:, :, (defined.sum(1) == 0).any(0)] = np.nan
    whole = defined.all((0, 1))
    return np.where(whole, first - second, parts[0] - parts[1])


def _enumerated(column: Array) -> float:
    column = column[np.abs(column) > 1e-12]
    patterns = np.arange(2 ** len(column))[:, None] >> np.arange(len(column)) & 1
    return float(_as_far((1.0 - 2.0 * patterns) @ column[:, None], column.sum()[None]).mean())


def _as_far(sums: Array, observed: Array) -> NDArray[np.bool_]:
    # Sums that are equal but for rounding count as equal.
    return np.asarray(np.abs(sums) >= np.abs(observed) * (1 - 1e-9) - 1e-12)


def _drawn(differences: Array, seed: int, permutations: int) -> Array:
    generator = np.random.default_rng(seed)
    images, observed = len(differences), differences.sum(0)
    beyond = np.zeros(len(observed), dtype=np.int64)
    at_once = max(1, SIGNS // images)
    for start in range(0, permutations, at_once):
        rows = min(at_once, permutations - start)
        bits = np.unpackbits(generator.integers(0, 256, (rows, -(-images // 8)), dtype=np.uint8), axis=1)[:, :images]
        beyond += _as_far((1.0 - 2.0 * bits) @ differences, observed).sum(0)
    p = (1 + beyond) / (1 + permutations)
    rare = np.flatnonzero(beyond < FEWEST_BEYOND)
    p[rare] = [_saddlepoint(differences[:, column]) for column in rare]
    return p


def _saddlepoint(column: Array) -> float:
    """P(|sum of e_i d_i| >= |sum of d_i|) with random signs e_i, for a sum that is rare."""
    column = column / np.abs(column).max()
    sizes, observed = np.abs(column), abs(float(column.sum()))
    # All differences of one sign: no other pattern but its mirror image goes as far.
    least = 2.0 ** (1 - np.count_nonzero(sizes > 1e-12))
    if observed >= sizes.sum() * (1 - 1e-9):
        return least
    # The sum's cumulant function is the sum of log cosh(t d); the slope there is to be what was observed.
    t = brentq(lambda t: float(sizes @ np.tanh(t * sizes)) - observed, 0.0, 1e6)
    cumulant = float((np.logaddexp(t * sizes, -t * sizes) - np.log(2)).sum())
    curvature = float((sizes**2 * (1 - np.tanh(t * sizes) ** 2)).sum())
    root, scaled = np.sqrt(2 * (t * observed - cumulant)), t * np.sqrt(curvature)
    tail = ndtr(-root) + np.exp(-(root**2) / 2) / np.sqrt(2 * np.pi) * (1 / scaled - 1 / root)
    return float(np.clip(2 * tail, least, 1.0))
