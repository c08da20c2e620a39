import numpy as np
import pytest
from scipy.stats import binomtest

from lit_invariance.evaluation.chance import at_chance
from lit_invariance.results.outcomes import Outcomes


def outcomes_of(labels, **accuracies):
    labels = np.array(labels)
    columns = {(model, "crop", "accuracy"): np.array(values, float) for model, values in accuracies.items()}
    columns |= {(model, "crop", "top1_change"): np.zeros(len(labels)) for model in accuracies}
    return Outcomes(np.arange(len(labels)), labels, columns, {})


def test_the_constant_answer_itself_and_a_guess_are_at_chance():
    labels = np.repeat([0, 1, 2, 3], [40, 20, 20, 20])
    guess = np.random.default_rng(0).integers(0, 4, 100) == labels
    found = at_chance(outcomes_of(labels, constant=labels == 0, other=labels == 3, guess=guess, right=labels >= 0), 0)
    assert found == {"crop": ["constant", "other", "guess"]}


@pytest.mark.parametrize("right", range(1, 21))
def test_it_is_the_mid_p_test_on_the_images_on_which_the_two_differ(right):
    """Half of 40 images are of class 0, which the model gets right as well, and `right` of the 20 others."""
    labels = np.repeat([0, 1], 20)
    accuracy = np.arange(40) < 20 + right
    p = binomtest(right, right, 0.5).pvalue / 2  # nothing is more extreme, and what was observed counts half
    assert at_chance(outcomes_of(labels, model=accuracy), 0) == ({} if p < 0.05 else {"crop": ["model"]})


def test_images_that_are_not_shown_say_nothing():
    labels = np.repeat([0, 1], [30, 10])
    accuracy = np.where(labels == 1, np.nan, 1.0)  # of what is shown, the constant answer is right always
    assert at_chance(outcomes_of(labels, model=accuracy), 0) == {"crop": ["model"]}
    assert at_chance(outcomes_of(labels, model=np.full(40, np.nan)), 0) == {"crop": ["model"]}


def test_one_class_alone_has_no_chance():
    assert at_chance(outcomes_of(np.zeros(10, int), model=np.ones(10)), 0) == {}
