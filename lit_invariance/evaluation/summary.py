"""From per-image outcomes to the rows of a table: means, intervals, differences from the reference and their tests."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from lit_invariance.evaluation.significance import holm, paired_p_values
from lit_invariance.evaluation.statistics import Array, bootstrap
from lit_invariance.metrics import SCORES
from lit_invariance.results.outcomes import Column, Outcomes
from lit_invariance.results.schema import GroupEntry, GroupRow, Row


def summarise(
    outcomes: Outcomes, reference: str, seed: int, shown: Mapping[str, Sequence[str]] | None = None
) -> list[Row]:
    """Compute every mean with its interval, and every difference from the reference, paired by image.

    Args:
        outcomes: Per-image scores.
        reference: Name of the reference model.
        seed: Seed of the resampling and of the tests.
        shown: For each protocol the scores that its table shows, the comparisons to correct the tests for; all of them
            where not given.

    Returns:
        One row for each column of the outcomes, in their order.
    """
    columns, values = list(outcomes.columns), outcomes.matrix()
    against = [columns.index((reference, *of[1:])) for of in columns]
    resampled = bootstrap(values, seed, weights=outcomes.weights)
    least, greatest = _bounds(columns)
    own = resampled.intervals(bounds=(least, greatest))
    apart = resampled.minus(against).intervals(bounds=(least - greatest, greatest - least))
    compared = np.array([model != reference for model, _, _ in columns])
    counted = values if outcomes.weights is None else values * (outcomes.weights / outcomes.weights.mean())[:, None]
    p = np.where(compared, paired_p_values(counted, against, seed), np.nan)
    in_table = [shown is None or score in shown.get(protocol, ()) for _, protocol, score in columns]
    corrected = holm(np.where(in_table, p, np.nan))
    rows: list[Row] = []
    for number, (model, protocol, score) in enumerate(columns):
        rows.append(
            {
                "model": model,
                "protocol": protocol,
                "score": score,
                "mean": _number(own.mean[number]),
                "low": _number(own.low[number]),
                "high": _number(own.high[number]),
                "difference": _number(apart.mean[number]) if compared[number] else None,
                "difference_low": _number(apart.low[number]) if compared[number] else None,
                "difference_high": _number(apart.high[number]) if compared[number] else None,
                "p": _number(p[number]),
                "p_holm": _number(corrected[number]),
            }
        )
    return rows


def summarise_groups(outcomes: Outcomes, groups: Sequence[GroupEntry], seed: int) -> list[GroupRow]:
    """Compute the means over runs of one config, with separate spreads over seeds and over images.

    Args:
        outcomes: Per-image scores.
        groups: The groups of runs.
        seed: Seed of the resampling.

    Returns:
        One row for each group, protocol and score.
    """
    if not groups:
        return []
    columns = list(outcomes.columns)
    cells = list(dict.fromkeys((protocol, score) for _, protocol, score in columns))
    wanted = [(group, *cell) for group in groups for cell in cells]
    members = [
        [columns.index((model, protocol, score)) for model in group["members"]] for group, protocol, score in wanted
    ]
    resampled = bootstrap(outcomes.matrix(), seed, weights=outcomes.weights)
    bounds = _bounds([("", protocol, score) for _, protocol, score in wanted])
    over_images = resampled.averaged(members).intervals(bounds=bounds)
    return [
        {
            "group": group["name"],
            "protocol": protocol,
            "score": score,
            "mean": _number(over_images.mean[number]),
            "seed_deviation": _number(resampled.mean[members[number]].std(ddof=1)),
            "low": _number(over_images.low[number]),
            "high": _number(over_images.high[number]),
        }
        for number, (group, protocol, score) in enumerate(wanted)
    ]


def _bounds(columns: Sequence[Column]) -> tuple[Array, Array]:
    """Least and greatest possible value of each column; nan where there is none."""
    shares = np.array([SCORES[score].unit == "share" for _, _, score in columns])
    return np.where(shares, 0.0, np.nan), np.where(shares, 1.0, np.nan)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
