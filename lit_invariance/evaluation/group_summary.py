"""From per-image outcomes to the rows of groups of runs: means over seeds, differences from the reference's group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lit_invariance.evaluation.seed_pairs import FEWEST, compare
from lit_invariance.evaluation.set_statistics import SetColumn
from lit_invariance.evaluation.significance import holm
from lit_invariance.evaluation.statistics import Array, Bootstrap
from lit_invariance.evaluation.summary import bounds_of, number, resample
from lit_invariance.results.outcomes import Column, Outcomes
from lit_invariance.results.schema import GroupEntry, GroupRow


@dataclass(frozen=True)
class _Cell:
    """A group's row to be: its score under a protocol."""

    group: GroupEntry
    protocol: str
    score: str

    def columns(self, models: Sequence[str], place: Mapping[Column, int]) -> list[int]:
        return [place[model, self.protocol, self.score] for model in models]


def summarise_groups(
    outcomes: Outcomes,
    groups: Sequence[GroupEntry],
    reference: str,
    seed: int,
    shown: Mapping[str, Sequence[str]] | None = None,
    of_set: Sequence[SetColumn] = (),
) -> list[GroupRow]:
    """Compute the means over runs of one config, and compare them with the group that the reference belongs to.

    Args:
        outcomes: Per-image scores.
        groups: The groups of runs.
        reference: Name of the reference model.
        seed: Seed of the resampling.
        shown: As for `summarise`: the comparisons of groups are corrected for each other.
        of_set: Scores of the whole set.

    Returns:
        One row for each group, protocol and score. Differences are None for the reference's group, and for those that
        share no two seeds with it.
    """
    if not groups:
        return []
    columns = [*outcomes.columns, *(each.column for each in of_set)]
    place = {column: number for number, column in enumerate(columns)}
    scores = list(dict.fromkeys(column[1:] for column in columns))
    cells = [_Cell(group, *score) for group in groups for score in scores]
    resampled, bounds = resample(outcomes, of_set, seed), bounds_of(list(outcomes.columns), of_set)
    rows = _means(cells, place, resampled, bounds)
    found = ((group["name"], _pairs(group, groups, reference)) for group in groups)
    pairs = {name: paired for name, paired in found if paired is not None}
    compared = [number for number, cell in enumerate(cells) if cell.group["name"] in pairs]
    if compared:
        first, second = (
            [cells[number].columns(pairs[cells[number].group["name"]][side], place) for number in compared]
            for side in (0, 1)
        )
        in_table = [shown is None or cells[row].score in shown.get(cells[row].protocol, ()) for row in compared]
        _compare([rows[number] for number in compared], resampled, first, second, bounds, np.array(in_table))
    return rows


def _means(
    cells: Sequence[_Cell], place: Mapping[Column, int], resampled: Bootstrap, bounds: tuple[Array, Array]
) -> list[GroupRow]:
    members = [cell.columns(cell.group["members"], place) for cell in cells]
    least, greatest = (np.array([ends[group].mean() for group in members]) for ends in bounds)
    found = resampled.averaged(members).intervals(bounds=(least, greatest))
    return [
        {
            "group": cell.group["name"],
            "protocol": cell.protocol,
            "score": cell.score,
            "mean": number(found.mean[row]),
            "seed_deviation": number(resampled.mean[members[row]].std(ddof=1)),
            "low": number(found.low[row]),
            "high": number(found.high[row]),
            "difference": None,
            "difference_low": None,
            "difference_high": None,
            "p": None,
            "p_holm": None,
        }
        for row, cell in enumerate(cells)
    ]


def _pairs(group: GroupEntry, groups: Sequence[GroupEntry], reference: str) -> tuple[list[str], list[str]] | None:
    """A group's runs and those of the reference's group with the same seeds; None where these are too few."""
    other = next((other for other in groups if reference in other["members"]), None)
    if other is None or other["name"] == group["name"]:
        return None
    ours, theirs = (dict(zip(each["seeds"], each["members"], strict=True)) for each in (group, other))
    shared = [seed for seed in ours if seed in theirs]
    return ([ours[seed] for seed in shared], [theirs[seed] for seed in shared]) if len(shared) >= FEWEST else None


def _compare(
    rows: Sequence[GroupRow],
    resampled: Bootstrap,
    first: Sequence[Sequence[int]],
    second: Sequence[Sequence[int]],
    bounds: tuple[Array, Array],
    in_table: Array,
) -> None:
    """Write the differences into their rows."""
    least, greatest = bounds
    columns = [*zip(first, second, strict=True)]
    low = np.array([least[one].mean() - greatest[other].mean() for one, other in columns])
    high = np.array([greatest[one].mean() - least[other].mean() for one, other in columns])
    found = compare(resampled, first, second, (low, high))
    corrected = holm(np.where(in_table, found.p, np.nan))
    for place, row in enumerate(rows):
        row["difference"] = number(found.apart.mean[place])
        row["difference_low"] = number(found.apart.low[place])
        row["difference_high"] = number(found.apart.high[place])
        row["p"], row["p_holm"] = number(found.p[place]), number(corrected[place])
