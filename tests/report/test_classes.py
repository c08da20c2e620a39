import numpy as np
import pytest

from lit_invariance.report import classes
from lit_invariance.report.classes import class_lines
from lit_invariance.results.outcomes import Outcomes


@pytest.fixture
def outcomes():
    labels = np.array([2, 0, 2, 0, 5, 2])
    columns = {
        ("base", "crop", "accuracy"): np.array([1, 0.5, 0, 1, 1, 0.5]),
        ("base", "crop", "top1_change"): np.array([0, 1, 0, 0, 0, 1.0]),
        ("aa", "crop", "accuracy"): np.array([1.0] * 6),
        ("aa", "crop", "top1_change"): np.array([0.0] * 6),
        ("base", "centre_crop", "accuracy"): np.array([0, 1, 0, 1, 1, 0.0]),
        ("aa", "centre_crop", "accuracy"): np.array([1.0] * 6),
    }
    return Outcomes(np.arange(6), labels, columns, {})


@pytest.fixture
def results():
    return {
        "models": [{"name": "aa"}, {"name": "base"}],
        "reference": "base",
        "class_names": ["cat, domestic", "b", "dog"],
    }


def test_by_hand(results, outcomes):
    lines, count = class_lines(results, outcomes, "crop")
    assert count == 3
    assert [(line.name, line.images) for line in lines] == [("cat", 2), ("dog", 3), ("class 5", 1)]
    assert lines[0].accuracy == [1, 0.75]
    assert lines[1].accuracy == [1, 0.5]
    assert lines[1].change == pytest.approx([0, 1 / 3])


def test_protocol_of_one_view(results, outcomes):
    lines, _ = class_lines(results, outcomes, "centre_crop")
    assert [line.name for line in lines] == ["dog", "cat", "class 5"]  # least accurate first
    assert np.isnan(lines[0].change).all()


def test_many_classes(results, outcomes, monkeypatch):
    monkeypatch.setattr(classes, "MOST", 2)
    lines, count = class_lines(results, outcomes, "crop")
    assert (len(lines), count) == (2, 3)
