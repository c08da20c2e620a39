import numpy as np
import pytest

from lit_invariance.report.views import (
    curve_figure,
    heat_figure,
    heat_rows,
    is_sweep,
    map_figure,
    place_of,
)
from lit_invariance.results.outcomes import Answers, Outcomes
from lit_invariance.results.steps import grid_side

GRID = {"label": "grid", "unit": "shift", "steps": [*map(float, range(9))]}
SWEEP = {"label": "sweep", "unit": "px", "steps": [*map(float, range(-4, 5))]}
RESULTS = {"models": [{"name": "a"}], "class_names": ["cat", "dog", "cow"], "reference": "a"}
RESULTS["scores"] = {"accuracy": {}}


@pytest.fixture
def outcomes():
    probability = np.random.default_rng(0).random((30, 9)).astype(np.float32)
    probability[4, :3] = np.nan
    predictions = np.zeros((30, 9), dtype=np.int32)
    predictions[2] = [0, 0, 1, 0, 2, 1, 1, 1, 1]
    said = Answers(predictions, probability, probability)
    return Outcomes(np.arange(30), np.full(30, 2), {}, {("a", "grid"): said, ("a", "sweep"): said})


def test_kinds():
    assert (grid_side(GRID), is_sweep(GRID)) == (3, False)
    assert (grid_side(SWEEP), is_sweep(SWEEP)) == (None, True)
    pair = SWEEP | {"steps": [0.0, 1.0]}
    assert (grid_side(pair), is_sweep(pair)) == (None, False)


def test_places():
    assert [place_of(GRID, view) for view in (0, 4, 5)] == [
        "-1 px down, -1 px right",
        "+0 px down, +0 px right",
        "+0 px down, +1 px right",
    ]
    assert place_of(SWEEP, 1) == "-3 px"


def test_curve_is_the_probability(outcomes):
    (axes,) = curve_figure(RESULTS, outcomes, SWEEP, 3, [2, 3]).axes
    line = axes.lines[0]
    np.testing.assert_array_equal(line.get_xdata(), SWEEP["steps"])
    np.testing.assert_array_equal(line.get_ydata(), outcomes.answers["a", "sweep"].true_probability[3])
    band = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((-2, -1))


def test_heat_map_rows_fall(outcomes, monkeypatch):
    rows = heat_rows(outcomes, "sweep", "a")
    means = np.nanmean(outcomes.answers["a", "sweep"].true_probability[rows], axis=1)
    assert sorted(rows.tolist()) == list(range(30))
    assert (np.diff(means) <= 0).all()
    monkeypatch.setattr("lit_invariance.report.views.MOST_ROWS", 5)
    few = heat_rows(outcomes, "sweep", "a")
    assert len(few) == 5
    assert (few[0], few[-1]) == (rows[0], rows[-1])
    shown = heat_figure(RESULTS, outcomes, SWEEP, "a", few).axes[0].images[0].get_array()
    np.testing.assert_array_equal(shown.filled(np.nan), outcomes.answers["a", "sweep"].true_probability[few])


def test_label_map(outcomes):
    """The true class (2, cow) is the first colour, then the others by frequency: dog five times, cat three times."""
    figure = map_figure(RESULTS, outcomes, GRID, "a", 2)
    labels, probability = (axes.images[0].get_array() for axes in figure.axes)
    np.testing.assert_array_equal(labels, [[2, 2, 1], [2, 0, 1], [1, 1, 1]])
    np.testing.assert_array_equal(probability, outcomes.answers["a", "grid"].true_probability[2].reshape(3, 3))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["cow", "dog", "cat"]
