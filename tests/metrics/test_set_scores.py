import numpy as np
import pytest

from lit_invariance.metrics import SET_SCORES

ANSWERS = np.array([[0, 0, 1], [0, 1, 1], [2, 2, 2], [-1, 2, 0], [1, 1, -1], [0, -1, -1]], dtype=np.int32)
LABELS = np.array([0, 1, 2, 2, 0, 0])


def means_of(name, answers, labels, reference=0):
    features, counted = SET_SCORES[name].features(answers, labels, reference)
    return features.toarray()[counted].mean(0)


def value_of(name, answers, labels=LABELS, reference=0):
    return SET_SCORES[name].value(means_of(name, answers, labels, reference)[None])[0]


def test_error_consistency_with_views_that_images_do_not_have():
    """Pairs of the first five images, each weighing one; the last has none."""
    pairs = [[(0, 0), (0, 1)], [(0, 1), (1, 1)], [(2, 2), (2, 2)], [(2, 0)], [(1, 1)]]
    weighed = [(one, two, 1 / len(image) / 5) for image in pairs for one, two in image]
    observed = sum(weight for one, two, weight in weighed if one == two)
    chance = sum(a[2] * b[2] for a in weighed for b in weighed if a[0] == b[1])
    assert value_of("error_consistency", ANSWERS) == pytest.approx((observed - chance) / (1 - chance))


def test_error_consistency_of_one_answer_is_undefined():
    constant = np.zeros((7, 50), np.int32)
    assert np.isnan(value_of("error_consistency", constant))
    assert SET_SCORES["error_consistency"].slope(means_of("error_consistency", constant, LABELS)).tolist() == [0] * 3


def test_relative_loss_by_hand():
    """Reference view 1: right are images 0, 1, 2, 3 of the five that have it and another; the others' shares follow."""
    others = [0.5, 0.5, 1.0, 0.0, 0.0]
    expected = 100 * (4 / 5 - np.mean(others)) / (4 / 5)
    assert value_of("relative_loss", ANSWERS, reference=1) == pytest.approx(expected)
    assert np.isnan(value_of("relative_loss", ANSWERS, labels=np.full(6, 9), reference=1))


@pytest.mark.parametrize("name", SET_SCORES)
def test_the_slope_is_the_derivative(name):
    score, mean = SET_SCORES[name], means_of(name, ANSWERS, LABELS)
    steps = 1e-6 * np.eye(len(mean))
    numeric = (score.value(mean + steps) - score.value(mean - steps)) / 2e-6
    np.testing.assert_allclose(score.slope(mean), numeric, rtol=1e-6)


@pytest.mark.parametrize("name", SET_SCORES)
def test_the_ends_are_where_other_images_would_pull_it(name):
    """One more image among a million that are all right at all views, which is wrong at its second view."""
    score = SET_SCORES[name]
    steady, labels = np.repeat(np.arange(4, dtype=np.int32)[:, None], 2, 1), np.arange(4)
    mean = means_of(name, steady, labels)
    other = means_of(name, np.concatenate([steady, [[0, 1]]]).astype(np.int32), np.array([0, 1, 2, 3, 0]))
    few = 1e-6 * (5 * other - 4 * mean - mean)  # the features of the other image alone, less the mean
    pulled = score.value((mean + few)[None])[0] - score.value(mean[None])[0]
    least, greatest = score.ends(mean)
    worse = least if score.higher_is_better else greatest
    assert pulled == pytest.approx(1e-6 * (worse - score.value(mean[None])[0]), rel=1e-3)
