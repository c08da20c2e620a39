import math

import numpy as np
import pytest
from scipy import stats

from lit_invariance.evaluation import statistics
from lit_invariance.evaluation.statistics import LEVEL, RESAMPLES, bootstrap


def intervals(values, seed, resamples=RESAMPLES):
    return bootstrap(values, seed, resamples).intervals(LEVEL)


@pytest.fixture
def scores():
    generator = np.random.default_rng(3)
    return np.stack(
        [
            generator.random(300) < 0.8,
            generator.random(300) < 0.03,
            generator.gamma(0.3, 0.1, 300),
            generator.normal(-0.1, 0.4, 300),
        ],
        axis=1,
    ).astype(np.float64)


def test_mean_is_plain_mean(scores):
    np.testing.assert_allclose(intervals(scores, seed=0).mean, scores.mean(0), rtol=1e-12)


def test_agrees_with_scipy(scores):
    ours = intervals(scores, seed=0)
    for column, low, high in zip(scores.T, ours.low, ours.high, strict=True):
        theirs = stats.bootstrap((column,), np.mean, method="BCa", rng=np.random.default_rng(1))
        width = theirs.confidence_interval.high - theirs.confidence_interval.low
        assert low == pytest.approx(theirs.confidence_interval.low, abs=0.04 * width)
        assert high == pytest.approx(theirs.confidence_interval.high, abs=0.04 * width)


def test_agrees_with_plain_loop(scores):
    """Resampling one image at a time; of a symmetric column, where BCa and percentiles agree."""
    generator, column = np.random.default_rng(5), scores[:, 3]
    means = []
    for _ in range(2000):
        total = 0.0
        for image in generator.integers(0, len(column), len(column)):
            total += column[image]
        means.append(total / len(column))
    ours = intervals(scores, seed=0)
    standard_error = float(np.std(means))
    assert ours.low[3] == pytest.approx(np.quantile(means, 0.025), abs=0.2 * standard_error)
    assert ours.high[3] == pytest.approx(np.quantile(means, 0.975), abs=0.2 * standard_error)


def test_agrees_with_normal_approximation():
    values = np.random.default_rng(0).normal(2.0, 3.0, (4000, 2))
    ours = intervals(values, seed=1)
    half = 1.959964 * values.std(0, ddof=1) / math.sqrt(len(values))
    np.testing.assert_allclose(ours.low, values.mean(0) - half, atol=0.06 * half.max())
    np.testing.assert_allclose(ours.high, values.mean(0) + half, atol=0.06 * half.max())


def test_paired_difference_is_narrower_than_unpaired():
    """Two models right on nearly the same images: their difference is known far better than either accuracy."""
    generator = np.random.default_rng(0)
    first = (generator.random(1000) < 0.7).astype(float)
    second = np.where(generator.random(1000) < 0.02, 1 - first, first)
    ours = intervals(np.stack([first, second, second - first], axis=1), seed=0)
    widths = ours.high - ours.low
    assert widths[2] < 0.5 * widths[:2].min()
    assert ours.low[2] <= ours.mean[1] - ours.mean[0] <= ours.high[2]


def test_columns_do_not_disturb_each_other(scores):
    together, alone = intervals(scores, seed=4), intervals(scores[:, 2:3], seed=4)
    assert together.low[2] == pytest.approx(alone.low[0], rel=1e-9)
    assert together.high[2] == pytest.approx(alone.high[0], rel=1e-9)


def test_order_of_images_moves_the_ends_by_resampling_error_only(scores):
    shuffled = np.random.default_rng(0).permutation(scores)
    first, second = intervals(scores, seed=0), intervals(shuffled, seed=0)
    np.testing.assert_allclose(first.low, second.low, atol=0.05 * (first.high - first.low).max())


def test_same_seed_same_ends_and_blocks_do_not_matter(scores, monkeypatch):
    whole = intervals(scores, seed=7, resamples=500)
    monkeypatch.setattr(statistics, "DRAWS", 300 * 17)
    blocks = intervals(scores, seed=7, resamples=500)
    np.testing.assert_allclose(whole.low, blocks.low, rtol=1e-9)
    np.testing.assert_allclose(whole.high, blocks.high, rtol=1e-9)
    assert not np.array_equal(whole.low, intervals(scores, seed=8, resamples=500).low)


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0])
def test_constant_column_has_no_width(value):
    ours = intervals(np.full((50, 1), value), seed=0)
    assert ours.low[0] == ours.high[0] == ours.mean[0] == pytest.approx(value)


def test_constant_column_with_bounds_has_the_ends_of_clopper_and_pearson():
    values = np.column_stack([np.zeros(50), np.ones(50), np.full(50, 0.5), np.zeros(50), np.arange(50) % 2])
    values[40:, 3] = np.nan
    bounds = np.array([0.0, 0.0, 0.0, 0.0, np.nan]), np.array([1.0, 1.0, 1.0, 1.0, np.nan])
    ours = bootstrap(values, seed=0).intervals(bounds=bounds)
    none = stats.binomtest(0, 50).proportion_ci(0.95, "exact").high
    every = stats.binomtest(50, 50).proportion_ci(0.95, "exact").low
    assert (ours.low[0], ours.high[0]) == pytest.approx((0, none))
    assert (ours.low[1], ours.high[1]) == pytest.approx((every, 1))
    assert (ours.low[2], ours.high[2]) == pytest.approx((0.5 - none / 2, 0.5 + none / 2))
    assert ours.high[3] == pytest.approx(stats.binomtest(0, 40).proportion_ci(0.95, "exact").high)
    free = intervals(values, seed=0)
    assert (ours.low[4], ours.high[4]) == (free.low[4], free.high[4])


def test_average_of_columns():
    values = np.random.default_rng(0).random((80, 3))
    values[:30, 2] = np.nan
    averaged = bootstrap(values, seed=0).averaged([[0, 1], [2], [1, 2]])
    plain = bootstrap(values[:, :2].mean(1, keepdims=True), seed=0)
    np.testing.assert_allclose(averaged.resampled[:, 0], plain.resampled[:, 0])
    ours, alone = averaged.intervals(), plain.intervals()
    assert (ours.low[0], ours.high[0]) == pytest.approx((alone.low[0], alone.high[0]))
    assert ours.mean[2] == pytest.approx((values[:, 1].mean() + np.nanmean(values[:, 2])) / 2)


def test_single_image():
    ours = intervals(np.array([[0.25, 1.0]]), seed=0)
    np.testing.assert_array_equal(ours.low, [0.25, 1.0])


def test_coverage():
    """Of 95 % intervals about 95 % hold the true mean: 400 simulated evaluations of a score of .1 on 200 images."""
    generator = np.random.default_rng(11)
    values = (generator.random((200, 400)) < 0.1).astype(float)
    ours = intervals(values, seed=0, resamples=2000)
    covered = np.mean((ours.low <= 0.1) & (ours.high >= 0.1))
    assert 0.92 <= covered <= 0.98


@pytest.mark.parametrize("share_that_differs", [0.05, 0.2])
def test_equal_models_are_seldom_called_different(share_that_differs):
    """Two models that are right equally often, 800 simulated comparisons on 300 images."""
    draws = np.random.default_rng(2).random((300, 800))
    differences = np.where(draws < share_that_differs / 2, 1.0, np.where(draws < share_that_differs, -1.0, 0.0))
    ours = intervals(differences, seed=0, resamples=2000)
    assert np.mean((ours.low > 0) | (ours.high < 0)) < 0.085


def test_three_points_on_a_thousand_images_are_found():
    """Models that disagree on a tenth of the images, .065 against .035: found in most of 400 comparisons."""
    draws = np.random.default_rng(2).random((1000, 400))
    differences = np.where(draws < 0.065, 1.0, np.where(draws < 0.1, -1.0, 0.0))
    ours = intervals(differences, seed=0, resamples=2000)
    assert np.mean(ours.low > 0) > 0.8


@pytest.mark.parametrize("values", [np.zeros((0, 2)), np.zeros(3), np.array([[np.inf]])])
def test_refuses(values):
    with pytest.raises(ValueError, match="images"):
        intervals(values, seed=0)


def test_rounding_does_not_leave_zero_out():
    """Tenths are no binary numbers: with .3 - .1 - .1 - .1 a lower end came out as -2e-18 where 0 is meant."""
    differences = np.zeros((30, 1))
    differences[:5, 0] = [0.3, 0.3, -0.1, -0.1, 0.3]
    ours = intervals(differences, seed=0, resamples=999)
    assert ours.low[0] == 0.0 < ours.mean[0]


def test_images_for_which_a_score_is_undefined_do_not_count():
    """The mean of the others; its interval by scipy, which resamples pairs of a value and whether it counts."""
    generator = np.random.default_rng(0)
    values = np.where(generator.random(300) < 0.7, generator.random(300) < 0.2, np.nan)
    ours = intervals(values[:, None].astype(float), seed=0)
    assert ours.mean[0] == pytest.approx(np.nanmean(values))
    theirs = stats.bootstrap(
        (np.nan_to_num(values), np.isfinite(values).astype(float)),
        lambda value, counts, axis: value.sum(axis) / counts.sum(axis),
        paired=True,
        method="BCa",
        rng=generator,
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low[0] == pytest.approx(theirs.low, abs=0.05 * width)
    assert ours.high[0] == pytest.approx(theirs.high, abs=0.05 * width)


def test_difference_of_means_over_different_images_is_paired_by_resample():
    generator = np.random.default_rng(1)
    first = (generator.random(500) < 0.2).astype(float)
    second = np.where(generator.random(500) < 0.9, first, np.nan)
    resampled = bootstrap(np.stack([first, second], axis=1), seed=0)
    apart, own = resampled.minus([0, 0]).intervals(), resampled.intervals()
    assert apart.mean[1] == pytest.approx(np.nanmean(second) - first.mean())
    assert apart.high[1] - apart.low[1] < 0.5 * (own.high[1] - own.low[1])
    assert apart.low[0] == apart.high[0] == 0


def test_a_column_that_is_defined_nowhere_or_once():
    values = np.full((20, 2), np.nan)
    values[3, 1] = 0.5
    ours = intervals(values, seed=0)
    assert np.isnan([ours.mean[0], ours.low[0], ours.high[0]]).all()
    assert (ours.mean[1], ours.low[1], ours.high[1]) == (0.5, 0.5, 0.5)
