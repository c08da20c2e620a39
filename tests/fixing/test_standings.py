from dataclasses import replace

import numpy as np
import pytest

from lit_invariance.fixing.standings import standings, steadier
from lit_invariance.results.outcomes import Answers, Outcomes

NAMES = ["plain", "other", "gated"]


def outcomes(accuracy, change, predictions, passes):
    """Twenty pictures; every argument has a row for each candidate."""
    columns, answers = {}, {}
    for number, name in enumerate(NAMES):
        columns[name, "centre_crop", "accuracy"] = np.array(accuracy[number], dtype=float)
        columns[name, "centre_crop", "passes"] = np.array(passes[number], dtype=float)
        columns[name, "crop", "top1_change"] = np.array(change[number], dtype=float)
        said = np.array(predictions[number], dtype=np.int32)[:, None]
        sure = np.full((20, 1), 0.5, dtype=np.float32)
        answers[name, "centre_crop"] = Answers(said, sure, sure)
        answers[name, "crop"] = Answers(said.repeat(2, 1), sure.repeat(2, 1), sure.repeat(2, 1))
    return Outcomes(np.arange(20), np.zeros(20, dtype=np.int64), columns, answers)


SOME = outcomes(
    accuracy=[[1] * 18 + [0] * 2, [1] * 16 + [0] * 4, [1] * 20],
    change=[[0.5] * 8 + [0] * 12, [0] * 20, [0] * 7 + [0.5] * 7 + [0] * 6],
    predictions=[[0] * 20, [0] * 15 + [1] * 5, [0] * 20],
    passes=[[1] * 20, [1] * 20, [1.5] * 10 + [1.25] * 10],
)


def test_means_and_differences_by_hand():
    plain, other, gated = standings(SOME, NAMES, ["crop"], labelled=True)
    assert (plain.accuracy, plain.changes, plain.passes) == (0.9, (0.2,), 1.0)
    assert gated.passes == pytest.approx(1.375)
    assert (plain.accuracy_difference.mean, plain.change_difference.mean) == (0, 0)
    assert other.accuracy_difference.mean == pytest.approx(-0.1)
    assert other.accuracy_difference.low < -0.1 < other.accuracy_difference.high < 0
    assert other.change_difference.mean == pytest.approx(-0.2)


def test_at_chance_is_what_the_most_common_class_reaches():
    """Of twenty pictures the class 0 has eighteen: an accuracy of .9 is that of always answering 0."""
    two = replace(SOME, labels=np.array([0] * 18 + [1] * 2))
    assert [one.at_chance for one in standings(two, NAMES, ["crop"], labelled=True)] == [True, True, False]
    assert not any(one.at_chance for one in standings(two, NAMES, ["crop"], labelled=False))
    assert not any(one.at_chance for one in standings(SOME, NAMES, ["crop"], labelled=True))


def test_without_labels_the_plain_network_s_answers_stand_in_for_them():
    plain, other, _ = standings(SOME, NAMES, ["crop"], labelled=False)
    assert (plain.accuracy, other.accuracy) == (1.0, 0.75)


def test_steadier_means_by_more_than_the_interval():
    assert steadier(SOME, "other", "plain", ["crop"])
    assert not steadier(SOME, "plain", "other", ["crop"])
    assert not steadier(SOME, NAMES[2], "plain", ["crop"])
