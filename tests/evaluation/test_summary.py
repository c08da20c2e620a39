import numpy as np
import pytest

from lit_invariance.evaluation.significance import holm, paired_p_values
from lit_invariance.evaluation.statistics import bootstrap
from lit_invariance.evaluation.summary import summarise
from lit_invariance.results.outcomes import Outcomes


@pytest.fixture
def outcomes():
    generator = np.random.default_rng(0)
    columns = {
        (model, "crop", score): generator.random(60) for model in ("base", "aa") for score in ("accuracy", "agreement")
    }
    return Outcomes(np.arange(60), np.zeros(60, dtype=np.int64), columns, {})


def test_rows(outcomes):
    rows = summarise(outcomes, "base", seed=3)
    assert [(row["model"], row["protocol"], row["score"]) for row in rows] == list(outcomes.columns)
    own = bootstrap(outcomes.columns["aa", "crop", "agreement"][:, None], seed=3).intervals()
    assert [rows[3][end] for end in ("mean", "low", "high")] == pytest.approx([own.mean[0], own.low[0], own.high[0]])


def test_differences_are_paired(outcomes):
    rows = summarise(outcomes, "base", seed=3)
    apart = outcomes.columns["aa", "crop", "agreement"] - outcomes.columns["base", "crop", "agreement"]
    paired = bootstrap(apart[:, None], seed=3).intervals()
    assert rows[3]["difference"] == pytest.approx(apart.mean()) == pytest.approx(rows[3]["mean"] - rows[1]["mean"])
    assert (rows[3]["difference_low"], rows[3]["difference_high"]) == pytest.approx((paired.low[0], paired.high[0]))
    assert {rows[0][key] for key in rows[0] if key.startswith("difference")} == {None}
    assert rows[0]["p"] is rows[0]["p_holm"] is None


def test_tests_are_corrected_for_the_comparisons_shown(outcomes):
    rows = summarise(outcomes, "base", seed=3)
    p = paired_p_values(outcomes.matrix(), [0, 1, 0, 1], seed=3)
    assert [row["p"] for row in rows[2:]] == pytest.approx(p[2:])
    assert [row["p_holm"] for row in rows[2:]] == pytest.approx(holm(p[2:]))
    some = summarise(outcomes, "base", seed=3, shown={"crop": ["agreement"]})
    assert (some[2]["p_holm"], some[3]["p_holm"]) == (None, pytest.approx(p[3]))


def test_a_share_without_exceptions_has_an_interval_with_a_width():
    columns = {(model, "crop", "top1_change"): np.zeros(100) for model in ("base", "aa")}
    rows = summarise(Outcomes(np.arange(100), np.zeros(100, dtype=np.int64), columns, {}), "base", seed=0)
    end = 1 - 0.025 ** (1 / 100)
    assert (rows[0]["low"], rows[0]["high"]) == (0, pytest.approx(end))
    assert (rows[1]["difference_low"], rows[1]["difference_high"]) == pytest.approx((-end, end))
    assert rows[1]["p"] == 1
