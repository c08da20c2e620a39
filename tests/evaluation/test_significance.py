import itertools
import math

import numpy as np
import pytest
from scipy import stats

from lit_invariance.evaluation.significance import holm, mcnemar, paired_p_values


def p_of(first, second, seed=0, **options):
    return paired_p_values(np.stack([first, second], axis=1).astype(float), [0, 0], seed, **options)[1]


def pairs(generator, images, comparisons, share, gain=0.0):
    """Right or wrong of two models which disagree on a share of the images; the second is better by `gain`."""
    first = (generator.random((images, comparisons)) < 0.5).astype(float)
    draws = generator.random((images, comparisons))
    change = np.where(draws < (share + gain) / 2, 1.0, np.where(draws < share, -1.0, 0.0))
    return np.where(change == 0, first, change < 0), np.where(change == 0, first, change > 0)


def many(first, second, **options):
    count = first.shape[1]
    others = [*range(count)] * 2
    return paired_p_values(np.concatenate([first, second], axis=1), others, seed=0, **options)[count:]


@pytest.mark.parametrize(("more", "less"), [(0, 0), (1, 0), (5, 5), (9, 2), (40, 60), (300, 380)])
def test_mcnemar(more, less):
    first = np.array([0.0] * more + [1.0] * less + [1.0] * 20)
    second = np.array([1.0] * more + [0.0] * less + [1.0] * 20)
    assert p_of(first, second) == pytest.approx(mid_p(more, less))


def mid_p(more, less):
    """Twice the tail of the observed side; the observed table itself counts half."""
    of, fewer = more + less, min(more, less)
    tail = [math.comb(of, k) / 2**of for k in range(fewer + 1)]
    return 2 * (sum(tail) - tail[-1] / 2)


@pytest.mark.parametrize(
    ("discordant", "size", "exact_size"), [(0.02, 0.0169, 0.0051), (0.1, 0.0457, 0.0294), (0.3, 0.0493, 0.0374)]
)
def test_size_of_mcnemar_by_enumeration(discordant, size, exact_size):
    """Two equal models on 200 images: the probability of every table, summed over those that are called different."""
    chances = stats.binom.pmf(np.arange(201), 200, discordant)
    tables = [(of, fewer) for of in range(201) if chances[of] > 1e-9 for fewer in range(of // 2 + 1)]
    of, fewer = np.array(tables).T
    weights = chances[of] * stats.binom.pmf(fewer, of, 0.5) * np.where(2 * fewer == of, 1, 2)
    assert weights.sum() == pytest.approx(1, abs=1e-6)
    assert weights[mcnemar(of - fewer, fewer) <= 0.05].sum() == pytest.approx(size, abs=5e-5)
    assert weights[2 * stats.binom.cdf(fewer, of, 0.5) <= 0.05].sum() == pytest.approx(exact_size, abs=5e-5)


def test_few_images_are_counted_out():
    generator = np.random.default_rng(0)
    differences = generator.normal(0.5, 1, 9)
    values = np.concatenate([differences, np.zeros(30)])
    patterns = list(itertools.product((-1, 1), repeat=9))
    far = [abs(sum(s * d for s, d in zip(signs, differences, strict=True))) for signs in patterns]
    expected = np.mean([value >= abs(differences.sum()) - 1e-9 for value in far])
    assert p_of(np.zeros(39), values) == pytest.approx(expected)


def test_drawn_signs_agree_with_scipy():
    generator = np.random.default_rng(1)
    differences = generator.normal(0.15, 1, 200)
    theirs = stats.permutation_test(
        (differences,), np.sum, permutation_type="samples", n_resamples=20000, rng=generator
    ).pvalue
    assert p_of(np.zeros(200), differences) == pytest.approx(theirs, abs=0.012)


@pytest.mark.parametrize(("more", "less"), [(70, 20), (60, 13), (30, 1)])
def test_the_tail_beyond_the_draws_is_that_of_the_exact_test(more, less):
    """Of halves (.5, not 0/1) the sign flips are again binomial; the saddlepoint is within its lattice correction."""
    values = np.array([0.5] * more + [-0.5] * less + [0.0] * 100)
    exact = 2 * stats.binom.cdf(less, more + less, 0.5)
    narrower = 2 * stats.binom.cdf(less - 1, more + less, 0.5)
    p = p_of(np.zeros(len(values)), values)
    assert p < 1e-4
    assert narrower < p < exact * 1.05


def test_the_tail_of_a_continuous_sum():
    """Twenty differences, all 2^20 patterns of signs."""
    differences = np.random.default_rng(4).normal(1.3, 1, 20)
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate([sums + difference, sums - difference])
    exact = np.mean(np.abs(sums) >= abs(differences.sum()) - 1e-9)
    assert exact < 1e-3
    assert p_of(np.zeros(20), differences) == pytest.approx(exact, rel=0.15)


def test_all_signs_alike():
    assert p_of(np.zeros(40), np.random.default_rng(0).random(40) + 0.1) == pytest.approx(2.0**-39)


def test_equal_models_are_called_different_in_five_percent():
    """Simulated comparisons on 400 images: 0/1 scores, scores on a scale, and scores that are not always defined."""
    generator = np.random.default_rng(2)
    binary = many(*pairs(generator, 400, 1500, share=0.2))
    assert 0.035 < np.mean(binary < 0.05) < 0.065
    on_scale = many(*generator.gamma(0.3, 1, (2, 400, 1500)), permutations=999)
    assert 0.035 < np.mean(on_scale < 0.05) < 0.065
    # 80 % right, 70 % right; of those the answer changes in 20 %, for both models.
    changed = (generator.random((2, 400, 1500)) < 0.2).astype(float)
    right = generator.random((2, 400, 1500)) < np.array([0.8, 0.7])[:, None, None]
    partly = many(*np.where(right, changed, np.nan), permutations=999)
    assert 0.035 < np.mean(partly < 0.05) < 0.065


def test_three_points_on_a_thousand_images_are_found():
    """Models that disagree on a tenth of the images, .065 against .035."""
    generator = np.random.default_rng(3)
    first, second = pairs(generator, 1000, 500, share=0.1, gain=0.03)
    assert np.mean(second - first) == pytest.approx(0.03, abs=0.002)
    assert np.mean(many(first, second) < 0.05) > 0.8
    assert np.mean(many(first / 2 + 0.2, second / 2 + 0.2, permutations=999) < 0.05) > 0.8


def test_difference_of_partly_defined_means():
    """An image that counts for one model only still says something of the difference."""
    generator = np.random.default_rng(5)
    first = np.where(np.arange(300) < 150, (generator.random(300) < 0.1), np.nan)
    second = np.where(np.arange(300) >= 150, (generator.random(300) < 0.4), np.nan)
    assert p_of(first, second) < 1e-6
    assert np.isnan(p_of(first, np.full(300, np.nan)))


def test_columns_do_not_disturb_each_other_and_the_seed_decides():
    values = np.random.default_rng(0).random((60, 4))
    together = paired_p_values(values, [0, 0, 0, 2], seed=1)
    assert together[0] == 1
    assert together[3] == pytest.approx(paired_p_values(values[:, 2:], [0, 0], seed=1)[1])
    assert not np.array_equal(together, paired_p_values(values, [0, 0, 0, 2], seed=2))


def test_holm_by_hand():
    p = np.array([0.01, math.nan, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(holm(p), [0.03, math.nan, 0.06, 0.06, 0.02])
    assert holm(np.array([0.6, 0.7])).tolist() == [1.0, 1.0]
    assert np.isnan(holm(np.array([math.nan]))).all()


def test_holm_keeps_the_error_over_a_table():
    """Tables of 20 comparisons without a true difference: at most 5 % of the tables have a star."""
    p = np.random.default_rng(0).random((2000, 20))
    assert np.mean([holm(row).min() < 0.05 for row in p]) == pytest.approx(0.05, abs=0.015)
