"""Is one config better than another? Runs that differ in the seed, compared seed by seed on the same images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri, stdtrit

from lit_invariance.evaluation.statistics import LEVEL, Array, Bootstrap, Intervals

FEWEST = 2
"""Seeds that two groups must share, for a single training says nothing of the next."""
LEAST_LOG = -100.0


@dataclass(frozen=True)
class Comparison:
    """Differences between two groups of runs.

    Attributes:
        apart: Mean difference over the shared seeds, with its interval over images and trainings, `(V,)`.
        p: Two-sided p-values `(V,)`.
    """

    apart: Intervals
    p: Array


def compare(
    resampled: Bootstrap,
    first: Sequence[Sequence[int]],
    second: Sequence[Sequence[int]],
    bounds: tuple[Array, Array],
) -> Comparison:
    """Compare runs seed by seed.

    A difference varies with the images and with the seeds, and both count. How it varies with the images, the bootstrap
    tells for the mean over these very runs. How it varies from one seed to the next, the differences of the seeds'
    means tell: by Student's t with one degree of freedom less than there are seeds, since that is all that two or three
    trainings say of the next one. The two half-widths are added as squares, as in the method of variance estimates
    recovery (Zou & Donner, Statistics in Medicine 27, 2008). The p-value is that of the level whose interval ends at 0,
    the images' part taken as normal.

    The test errs on the cautious side: it calls two equal configs different in at most 5 % of cases, mostly fewer; see
    `docs/results.md`.

    Args:
        resampled: The means of all runs.
        first: For each of V comparisons the columns of one group's runs, a seed each; two at least.
        second: The columns of the other group's runs of the same seeds.
        bounds: Least and greatest possible difference, `(V,)` each; nan where there is none.
    """
    count = len(first)
    both = resampled.averaged([*first, *second])
    apart = both.minus([*range(count, 2 * count)] * 2)
    over_images = apart.intervals(bounds=(np.tile(bounds[0], 2), np.tile(bounds[1], 2)))
    mean, low, high = (part[:count] for part in (over_images.mean, over_images.low, over_images.high))
    seeds = np.array([len(group) for group in first])
    deviations = [
        (resampled.mean[list(one)] - resampled.mean[list(other)]).std(ddof=1)
        for one, other in zip(first, second, strict=True)
    ]
    seed_errors = np.array(deviations) / np.sqrt(seeds)
    image_errors = np.sqrt((apart.influence[:, :count] ** 2).sum(0)) / len(apart.influence)
    reach = stdtrit(seeds - 1, (1 + LEVEL) / 2) * seed_errors
    joined = Intervals(
        mean,
        np.fmax(mean - np.hypot(reach, mean - low), bounds[0]),
        np.fmin(mean + np.hypot(reach, high - mean), bounds[1]),
    )
    parts = zip(mean, seed_errors, image_errors, seeds, strict=True)
    return Comparison(joined, np.array([joint_p(*map(float, part)) for part in parts]))


def joint_p(difference: float, seed_error: float, image_error: float, seeds: float) -> float:
    """Return the p-value of a mean difference that varies with few seeds and with many images.

    Args:
        difference: Mean over seeds and images.
        seed_error: Standard error of it that the seeds' differences tell.
        image_error: Standard error of it over images, for these very runs.
        seeds: Number of seeds.

    Returns:
        The p at which `(t seed_error)^2 + (z image_error)^2` is the difference's square, t and z being the quantiles of
        Student's distribution and of the normal one at 1 - p / 2; nan where the difference is.
    """
    if np.isnan(difference):
        return float("nan")

    def beyond(log_p: float) -> float:
        tail = 10.0**log_p / 2
        reach = np.hypot(stdtrit(seeds - 1, tail) * seed_error, ndtri(tail) * image_error)
        return float(reach - abs(difference))

    if beyond(0.0) >= 0:
        return 1.0
    return float(10.0 ** brentq(beyond, LEAST_LOG, 0.0)) if beyond(LEAST_LOG) > 0 else 10.0**LEAST_LOG
