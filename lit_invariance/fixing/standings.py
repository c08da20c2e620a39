"""How the candidates stand on the held-out pictures, each compared with the plain network."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lit_invariance.evaluation.statistics import Array, Intervals, bootstrap
from lit_invariance.fixing.held_out import PASSES, STANDARD
from lit_invariance.results.outcomes import Outcomes

LEVEL = 0.8
"""Coverage of the intervals: of two candidates that are alike, one in ten looks better by more than chance allows."""


@dataclass(frozen=True)
class Difference:
    """A difference from the plain network, with the ends of its interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Standing:
    """What a candidate reached on the held-out pictures.

    Attributes:
        name: Its name.
        accuracy: Share of right answers to the standard view; without labels, of answers as the plain network's.
        changes: For each protocol the share of neighbouring views with different answers.
        passes: Mean number of forward passes a view cost.
        accuracy_difference: From the plain network.
        change_difference: Of the mean over protocols, from the plain network.
        at_chance: Whether it is no more accurate than always giving the most common answer, so that its steadiness is
            meaningless; with labels of two classes or more only.
    """

    name: str
    accuracy: float
    changes: tuple[float, ...]
    passes: float
    accuracy_difference: Difference
    change_difference: Difference
    at_chance: bool = False

    @property
    def change(self) -> float:
        """Mean over the protocols."""
        return float(np.mean(self.changes))


def standings(outcomes: Outcomes, names: Sequence[str], protocols: Sequence[str], labelled: bool) -> list[Standing]:
    """Summarise what was measured.

    Args:
        outcomes: A row for each held-out picture.
        names: The candidates, the plain network first.
        protocols: Labels of the protocols.
        labelled: Whether the pictures have labels.
    """
    right = _columns(outcomes, names, labelled)
    changes = np.stack([[outcomes.columns[name, label, "top1_change"] for label in protocols] for name in names])
    mean_changes = changes.mean(1).T
    accuracy, change = _differences(right), _differences(mean_changes)
    classes, counts = np.unique(outcomes.labels, return_counts=True)
    common = counts.max() / counts.sum() if labelled and len(classes) > 1 else 0.0
    return [
        Standing(
            name,
            float(right[:, number].mean()),
            tuple(map(float, changes[number].mean(1))),
            float(outcomes.columns[name, STANDARD.label, PASSES].mean()),
            _difference(accuracy, number),
            _difference(change, number),
            bool(right[:, number].mean() <= common),
        )
        for number, name in enumerate(names)
    ]


def steadier(outcomes: Outcomes, one: str, other: str, protocols: Sequence[str]) -> bool:
    """Whether a candidate changes its answer less often than another, by more than the interval of the difference.

    Args:
        outcomes: A row for each held-out picture.
        one: The candidate.
        other: The one that it is compared with.
        protocols: Labels of the protocols.
    """
    changes = [
        np.mean([outcomes.columns[name, label, "top1_change"] for label in protocols], 0) for name in (other, one)
    ]
    return bool(_differences(np.stack(changes, 1)).high[1] < 0)


def _columns(outcomes: Outcomes, names: Sequence[str], labelled: bool) -> Array:
    if labelled:
        return np.stack([outcomes.columns[name, STANDARD.label, "accuracy"] for name in names], 1)
    said = [outcomes.answers[name, STANDARD.label].predictions[:, 0] for name in names]
    return np.stack([answers == said[0] for answers in said], 1).astype(np.float64)


def _differences(values: Array) -> Intervals:
    """Differences of all columns `(N, C)` from the first one."""
    ones = np.ones(values.shape[1])
    first = [0] * values.shape[1]
    return bootstrap(values, seed=0, resamples=1999).minus(first).intervals(LEVEL, (-ones, ones))


def _difference(intervals: Intervals, number: int) -> Difference:
    return Difference(*(float(part[number]) for part in (intervals.mean, intervals.low, intervals.high)))
