import math

import numpy as np
import pytest
from scipy import stats

from lit_invariance.evaluation.seed_pairs import joint_p


@pytest.mark.parametrize("seeds", [2, 3, 8])
def test_with_one_source_of_spread_it_is_the_usual_test(seeds):
    assert joint_p(0.3, 0.0, 0.1, seeds) == pytest.approx(2 * stats.norm.sf(3))
    assert joint_p(0.3, 0.1, 0.0, seeds) == pytest.approx(2 * stats.t.sf(3, seeds - 1))


def test_the_interval_of_level_one_minus_p_ends_at_zero():
    p = joint_p(0.05, 0.01, 0.02, 3)
    reach = math.hypot(stats.t.isf(p / 2, 2) * 0.01, stats.norm.isf(p / 2) * 0.02)
    assert reach == pytest.approx(0.05)


def test_ends():
    assert joint_p(0.0, 0.1, 0.1, 2) == 1
    assert joint_p(0.0, 0.0, 0.0, 2) == 1
    assert joint_p(0.2, 0.0, 0.0, 2) < 1e-50
    assert math.isnan(joint_p(float("nan"), 0.1, 0.1, 2))


@pytest.mark.parametrize("seeds", [2, 3])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_equal_configs_are_called_different_in_at_most_five_percent(seeds, share):
    """2000 comparisons of configs that differ by chance alone, of whose variance the seeds make a share."""
    generator = np.random.default_rng(0)
    apart = generator.normal(0, math.sqrt(1 - share), (2000, 1)) + generator.normal(
        0, math.sqrt(share * seeds), (2000, seeds)
    )
    errors = apart.std(1, ddof=1) / math.sqrt(seeds)
    p = [joint_p(*pair, math.sqrt(1 - share), seeds) for pair in zip(apart.mean(1), errors, strict=True)]
    assert np.mean(np.array(p) < 0.05) < 0.065
