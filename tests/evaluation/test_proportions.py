import numpy as np
import pytest
from scipy.special import betaincinv
from scipy.stats import binom

from lit_invariance.evaluation.proportions import clopper_pearson, with_exact_intervals
from lit_invariance.evaluation.summary import summarise
from lit_invariance.results.outcomes import Outcomes


@pytest.mark.parametrize(("successes", "trials"), [(1, 20), (7, 20), (19, 20), (500, 1109)])
def test_the_tails_at_the_ends_are_what_is_promised(successes, trials):
    """Witness: the tails of the binomial distribution, and the ends as quantiles of beta distributions."""
    low, high = clopper_pearson(successes, trials, 0.95)
    assert binom.sf(successes - 1, trials, low) == pytest.approx(0.025, rel=1e-6)
    assert binom.cdf(successes, trials, high) == pytest.approx(0.025, rel=1e-6)
    assert low == pytest.approx(betaincinv(successes, trials - successes + 1, 0.025))
    assert high == pytest.approx(betaincinv(successes + 1, trials - successes, 0.975))


def test_all_and_none():
    assert clopper_pearson(0, 30) == pytest.approx((0, 1 - 0.025 ** (1 / 30)))
    assert clopper_pearson(30, 30) == pytest.approx((0.025 ** (1 / 30), 1))


def test_only_the_intervals_of_the_named_scores_change():
    values = (np.arange(40) % 4 == 0).astype(float)
    columns = {("a", "p", "gap"): values, ("a", "p", "accuracy"): values, ("b", "p", "gap"): 1 - values}
    columns["b", "p", "accuracy"] = values
    outcomes = Outcomes(np.arange(40), np.zeros(40, np.int64), columns, {})
    before = summarise(outcomes, "a", seed=0)
    after = with_exact_intervals(before, outcomes, ["gap"])
    assert [row["score"] for row in after] == [row["score"] for row in before]
    for old, new in zip(before, after, strict=True):
        if old["score"] == "accuracy":
            assert new == old
        else:
            of = 10 if old["model"] == "a" else 30
            assert (new["low"], new["high"]) == clopper_pearson(of, 40)
            assert {**new, "low": 0, "high": 0} == {**old, "low": 0, "high": 0}
