import numpy as np
import pytest

from lit_invariance.evaluation.outcomes import Outcomes
from lit_invariance.evaluation.statistics import bootstrap
from lit_invariance.evaluation.summary import summarise


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
