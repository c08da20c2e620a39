"""From per-image outcomes to the rows of a table: means, intervals, differences from the reference."""

import math

from lit_invariance.evaluation.outcomes import Outcomes
from lit_invariance.evaluation.statistics import bootstrap
from lit_invariance.report.schema import Row


def summarise(outcomes: Outcomes, reference: str, seed: int) -> list[Row]:
    """Compute every mean with its interval, and every difference from the reference, paired by image.

    Args:
        outcomes: Per-image scores.
        reference: Name of the reference model.
        seed: Seed of the resampling.

    Returns:
        One row for each column of the outcomes, in their order.
    """
    columns = list(outcomes.columns)
    resampled = bootstrap(outcomes.matrix(), seed)
    own = resampled.intervals()
    apart = resampled.minus([columns.index((reference, *of[1:])) for of in columns]).intervals()
    rows: list[Row] = []
    for number, (model, protocol, score) in enumerate(columns):
        compared = model != reference
        rows.append(
            {
                "model": model,
                "protocol": protocol,
                "score": score,
                "mean": _number(own.mean[number]),
                "low": _number(own.low[number]),
                "high": _number(own.high[number]),
                "difference": _number(apart.mean[number]) if compared else None,
                "difference_low": _number(apart.low[number]) if compared else None,
                "difference_high": _number(apart.high[number]) if compared else None,
            }
        )
    return rows


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
