"""Exact intervals of shares: of rows that are right or wrong, the number of right ones is binomial."""

from collections.abc import Collection, Sequence

import numpy as np

from lit_invariance.evaluation.statistics import LEVEL
from lit_invariance.results.outcomes import Outcomes
from lit_invariance.results.schema import Row


def clopper_pearson(successes: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of Clopper & Pearson, Biometrika 26, 1934, which covers a share at least as often as it says.

    Args:
        successes: How often it happened.
        trials: Of how many independent trials, at least 1.
        level: Coverage in (0, 1).

    Returns:
        Its ends.
    """
    from scipy.stats import binomtest  # takes half a second to import

    interval = binomtest(successes, trials).proportion_ci(level, "exact")
    return float(interval.low), float(interval.high)


def with_exact_intervals(rows: Sequence[Row], outcomes: Outcomes, scores: Collection[str]) -> list[Row]:
    """Replace the intervals of means of zeros and ones; those of differences stay as they are.

    Args:
        rows: What was summarised.
        outcomes: The per-row scores behind them.
        scores: The scores that are 0 or 1 for each row.
    """
    exact: list[Row] = []
    for row in rows:
        if row["score"] in scores:
            values = outcomes.columns[row["model"], row["protocol"], row["score"]]
            low, high = clopper_pearson(int(np.count_nonzero(values)), len(values))
            row = {**row, "low": low, "high": high}
        exact.append(row)
    return exact
