import numpy as np
import pytest

from lit_invariance.evaluation.group_summary import summarise_groups
from lit_invariance.evaluation.significance import holm
from lit_invariance.evaluation.statistics import bootstrap
from lit_invariance.results.outcomes import Outcomes

GROUPS = [
    {"name": "plain", "members": ["plain_s0", "plain_s1", "plain_s2"], "seeds": [0, 1, 2]},
    {"name": "aa", "members": ["aa_s2", "aa_s1", "aa_s7"], "seeds": [2, 1, 7]},
    {"name": "other", "members": ["other_s0", "other_s5"], "seeds": [0, 5]},
]


@pytest.fixture
def outcomes():
    generator = np.random.default_rng(0)
    columns = {
        (model, "crop", score): generator.random(60)
        for group in GROUPS
        for model in group["members"]
        for score in ("mean_absolute_change", "agreement")
    }
    return Outcomes(np.arange(60), np.zeros(60, dtype=np.int64), columns, {})


def test_spread_over_seeds_is_told_apart_from_that_over_images():
    """Three runs with means .2, .5, .8 that are equal on all images: no spread over images, a wide one over seeds."""
    columns = {(f"aa_s{run}", "crop", "mean_absolute_change"): np.full(40, 0.2 + 0.3 * run) for run in range(3)}
    outcomes = Outcomes(np.arange(40), np.zeros(40, dtype=np.int64), columns, {})
    group = {"name": "aa", "members": ["aa_s0", "aa_s1", "aa_s2"], "seeds": [0, 1, 2]}
    (row,) = summarise_groups(outcomes, [group], "aa_s0", seed=0)
    assert (row["group"], row["protocol"], row["score"]) == ("aa", "crop", "mean_absolute_change")
    assert row["mean"] == row["low"] == row["high"] == pytest.approx(0.5)
    assert row["seed_deviation"] == pytest.approx(0.3)
    assert summarise_groups(outcomes, [], "aa_s0", seed=0) == []


def test_groups_are_compared_seed_by_seed(outcomes):
    """Seeds 2 and 1 are shared, in whatever order; one shared seed is too few, and the reference's group has none."""
    rows = {(row["group"], row["score"]): row for row in summarise_groups(outcomes, GROUPS, "plain_s1", seed=3)}
    for score in ("mean_absolute_change", "agreement"):
        values = {model: outcomes.columns[model, "crop", score] for model, _, s in outcomes.columns if s == score}
        apart = np.stack([values["aa_s2"] - values["plain_s2"], values["aa_s1"] - values["plain_s1"]])
        row = rows["aa", score]
        assert row["difference"] == pytest.approx(apart.mean())
        images = bootstrap(apart.mean(0)[:, None], seed=3).intervals()
        seeds = 12.7062 * apart.mean(1).std(ddof=1) / 2**0.5  # Student's quantile with one degree of freedom
        ends = [-np.hypot(seeds, apart.mean() - images.low[0]), np.hypot(seeds, images.high[0] - apart.mean())]
        found = [row["difference_low"] - row["difference"], row["difference_high"] - row["difference"]]
        wanted = np.clip(apart.mean() + ends, -1, 1) - apart.mean() if score == "agreement" else ends
        assert found == pytest.approx(wanted, rel=1e-4)
        assert {rows[name, score][key] for name in ("plain", "other") for key in ("difference", "p", "p_holm")} == {
            None
        }
    p = np.array([rows["aa", score]["p"] for score in ("mean_absolute_change", "agreement")])
    assert [rows["aa", score]["p_holm"] for score in ("mean_absolute_change", "agreement")] == pytest.approx(holm(p))
    shown = {"crop": ["agreement"]}
    some = {row["score"]: row for row in summarise_groups(outcomes, GROUPS[:2], "plain_s0", 3, shown)[2:]}
    assert (some["mean_absolute_change"]["p_holm"], some["agreement"]["p_holm"]) == (None, some["agreement"]["p"])


def test_without_the_reference_among_them_groups_are_not_compared(outcomes):
    rows = summarise_groups(outcomes, GROUPS[1:], "plain_s1", seed=0)
    assert {row["difference"] for row in rows} == {None}
