"""From per-image outcomes to the rows of a table: means, intervals, differences from the reference."""

import numpy as np

from lit_invariance.evaluation.outcomes import Outcomes
from lit_invariance.evaluation.statistics import Array, intervals
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
    own, apart = intervals(outcomes.matrix(), seed), intervals(_differences(outcomes, reference), seed)
    rows: list[Row] = []
    for number, (model, protocol, score) in enumerate(outcomes.columns):
        compared = model != reference
        rows.append(
            {
                "model": model,
                "protocol": protocol,
                "score": score,
                "mean": float(own.mean[number]),
                "low": float(own.low[number]),
                "high": float(own.high[number]),
                "difference": float(apart.mean[number]) if compared else None,
                "difference_low": float(apart.low[number]) if compared else None,
                "difference_high": float(apart.high[number]) if compared else None,
            }
        )
    return rows


def _differences(outcomes: Outcomes, reference: str) -> Array:
    """Per-image differences `(N, V)`, all zero in the reference's own columns."""
    columns = outcomes.columns
    return np.stack([values - columns[reference, of[1], of[2]] for of, values in columns.items()], axis=1)
