import numpy as np
import pytest
from scipy.stats import binomtest

from lit_invariance.evaluation.series import series_of
from lit_invariance.results.outcomes import Answers, Outcomes

RINGS = {"label": "rings", "unit": "px away", "steps": [0.0, *[1.0] * 8, *[2.0] * 16]}


def outcomes_of(labels, **predictions):
    answers = {}
    for model, said in predictions.items():
        said = np.array(said, np.int32)
        answers[model, "rings"] = Answers(said, np.ones(said.shape, np.float32), np.ones(said.shape, np.float32))
    return Outcomes(np.arange(len(labels)), np.array(labels), {}, answers)


def wrong_at(view, label=1):
    said = np.full(25, label)
    if view is not None:
        said[view] = 7
    return said


def test_an_image_counts_up_to_the_ring_before_its_first_mistake():
    """By hand: one image is right everywhere, the others are first wrong at ring 2, at ring 1 and at the reference."""
    outcomes = outcomes_of([1, 1, 1, 1], model=[wrong_at(None), wrong_at(9), wrong_at(8), wrong_at(0)])
    (entry,) = series_of(outcomes, [RINGS], 0)
    assert entry["places"] == ["0 px", "1 px", "2 px"]
    assert entry["mean"] == [0.75, 0.5, 0.25]
    assert (entry["protocol"], entry["model"], entry["measure"]) == ("rings", "model", "robust accuracy")
    assert all(low <= mean <= high for low, mean, high in zip(entry["low"], entry["mean"], entry["high"], strict=True))


def test_a_share_of_all_or_none_has_an_exact_interval():
    outcomes = outcomes_of([1] * 20, right=[wrong_at(None)] * 20, wrong=[wrong_at(0)] * 20)
    right, wrong = series_of(outcomes, [RINGS], 0)
    assert right["low"] == pytest.approx([binomtest(20, 20).proportion_ci().low] * 3)
    assert wrong["high"] == pytest.approx([binomtest(0, 20).proportion_ci().high] * 3)
    assert (right["mean"], wrong["mean"]) == ([1.0] * 3, [0.0] * 3)


NAMES = [f"{decoder}, {kernel}, {offset}" for decoder in "AB" for kernel in "kl" for offset in ("round", "floor")]
PIPELINES = {"label": "rings", "unit": "pipeline", "steps": list(map(float, range(8))), "view_names": NAMES}


def test_pipelines_that_differ_in_one_thing_and_the_mean_of_all_others():
    """By hand: the first image is wrong behind each l and right elsewhere, the second is right behind `floor` only."""
    said = np.array([[1, 1, 5, 5, 1, 1, 5, 5], [6, 2, 6, 2, 6, 2, 6, 2]])
    accuracy, other = series_of(outcomes_of([1, 2], model=said), [PIPELINES], 0)
    assert accuracy["places"] == ["reference", "decoder B", "kernel l", "offset floor", "mean of 7 others"]
    assert accuracy["mean"] == pytest.approx([0.5, 0.5, 0.0, 1.0, (3 / 7 + 4 / 7) / 2])
    assert accuracy["spread"] == pytest.approx([0.0, 1.0, np.std([0.5, 1, 0, 0.5] * 2)])
    assert other["measure"] == "other answers than the reference's"
    assert other["places"] == accuracy["places"][1:]
    assert other["mean"] == pytest.approx([0.0, 0.5, 0.5, (4 / 7 + 4 / 7) / 2])
    assert "spread" not in other


def test_pipelines_that_no_picture_has_are_left_out():
    """As of pictures without a file, which the second decoder cannot read."""
    said = np.array([[1, 1, 5, 5, -1, -1, -1, -1]])
    accuracy, other = series_of(outcomes_of([1], model=said), [PIPELINES], 0)
    assert accuracy["places"] == ["reference", "kernel l", "offset floor", "mean of 3 others"]
    assert accuracy["mean"] == pytest.approx([1, 0, 1, 1 / 3])
    assert other["mean"] == pytest.approx([1, 0, 2 / 3])
    (unlabelled,) = series_of(outcomes_of([-1], model=said), [PIPELINES], 0)
    assert unlabelled["mean"] == other["mean"]


def test_other_protocols_and_pictures_without_labels_have_none():
    outcomes = outcomes_of([1], model=[wrong_at(None)])
    assert series_of(outcomes, [RINGS | {"unit": "px"}], 0) == []
    assert series_of(outcomes_of([-1], model=[wrong_at(None)]), [RINGS], 0) == []
