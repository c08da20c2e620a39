"""From per-image outcomes to the rows of a table: means, intervals, differences from the reference and their tests."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from lit_invariance.evaluation.set_statistics import SetColumn, bootstrap_sets
from lit_invariance.evaluation.significance import holm, paired_p_values
from lit_invariance.evaluation.statistics import Array, Bootstrap, bootstrap
from lit_invariance.metrics import ROW_SCORES
from lit_invariance.results.outcomes import Column, Outcomes
from lit_invariance.results.schema import Row

BOUNDS = {"share": (0.0, 1.0), "cosine": (-1.0, 1.0)}
"""Least and greatest value of scores of a unit."""


def summarise(
    outcomes: Outcomes,
    reference: str,
    seed: int,
    shown: Mapping[str, Sequence[str]] | None = None,
    of_set: Sequence[SetColumn] = (),
) -> list[Row]:
    """Compute every mean with its interval, and every difference from the reference, paired by image.

    Args:
        outcomes: Per-image scores.
        reference: Name of the reference model.
        seed: Seed of the resampling and of the tests.
        shown: For each protocol the scores that its table shows, the comparisons to correct the tests for; all of them
            where not given.
        of_set: Scores of the whole set; no comparison is corrected for them unless they are shown.

    Returns:
        One row for each column of the outcomes and each score of the set, by model and protocol in their order.
    """
    columns = [*outcomes.columns, *(each.column for each in of_set)]
    values = np.column_stack([outcomes.matrix(), *(each.stand_ins for each in of_set)])
    against = [columns.index((reference, *of[1:])) for of in columns]
    resampled = resample(outcomes, of_set, seed)
    least, greatest = bounds_of(list(outcomes.columns), of_set)
    own = resampled.intervals(bounds=(least, greatest))
    apart = resampled.minus(against).intervals(bounds=(least - greatest[against], greatest - least[against]))
    compared = np.array([model != reference for model, _, _ in columns])
    counted = values if outcomes.weights is None else values * (outcomes.weights / outcomes.weights.mean())[:, None]
    p = np.where(compared, paired_p_values(counted, against, seed), np.nan)
    in_table = [shown is None or score in shown.get(protocol, ()) for _, protocol, score in columns]
    corrected = holm(np.where(in_table, p, np.nan))
    rows: list[Row] = []
    for place, (model, protocol, score) in enumerate(columns):
        rows.append(
            {
                "model": model,
                "protocol": protocol,
                "score": score,
                "mean": number(own.mean[place]),
                "low": number(own.low[place]),
                "high": number(own.high[place]),
                "difference": number(apart.mean[place]) if compared[place] else None,
                "difference_low": number(apart.low[place]) if compared[place] else None,
                "difference_high": number(apart.high[place]) if compared[place] else None,
                "p": number(p[place]),
                "p_holm": number(corrected[place]),
            }
        )
    cells = list(dict.fromkeys(of[:2] for of in columns))
    return sorted(rows, key=lambda row: cells.index((row["model"], row["protocol"])))


def resample(outcomes: Outcomes, of_set: Sequence[SetColumn], seed: int) -> Bootstrap:
    """Resample the images of all columns, those of the outcomes first.

    Args:
        outcomes: Per-image scores.
        of_set: Scores of the whole set.
        seed: Seed of the resampling.
    """
    resampled = bootstrap(outcomes.matrix(), seed, weights=outcomes.weights)
    return resampled.beside(bootstrap_sets(of_set, seed)) if of_set else resampled


def bounds_of(columns: Sequence[Column], of_set: Sequence[SetColumn]) -> tuple[Array, Array]:
    """Return the least and the greatest possible value of each column; nan where there is none.

    Args:
        columns: Columns of the outcomes.
        of_set: Scores of the whole set, which come after them.
    """
    ends = [BOUNDS.get(ROW_SCORES[score].unit, (np.nan, np.nan)) for _, _, score in columns]
    least, greatest = np.array([*ends, *(each.score.ends(each.means) for each in of_set)]).T
    return least, greatest


def number(value: float) -> float | None:
    """Return a number as a results file holds it: None where it is undefined."""
    return None if math.isnan(value) else float(value)
