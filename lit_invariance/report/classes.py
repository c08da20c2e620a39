"""Accuracy and stability class by class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lit_invariance.report.steadiness import STABILITY
from lit_invariance.report.views import class_name
from lit_invariance.results.outcomes import Outcomes
from lit_invariance.results.schema import ResultsContent

MOST = 100


@dataclass(frozen=True)
class ClassLine:
    """One class of the data.

    Attributes:
        name: What it is called.
        images: Number of its images.
        accuracy: One mean for each model.
        change: Likewise `top1_change`; nan under a protocol of one view.
    """

    name: str
    images: int
    accuracy: list[float]
    change: list[float]


def class_lines(results: ResultsContent, outcomes: Outcomes, protocol: str) -> tuple[list[ClassLine], int]:
    """Compute the means of each class, the least steady for the reference first.

    Args:
        results: The results.
        outcomes: Per-image outcomes.
        protocol: Label of the protocol.

    Returns:
        At most 100 classes, and the number of classes there are in the data.
    """
    models = [model["name"] for model in results["models"]]
    labels, members = np.unique(outcomes.labels, return_inverse=True)
    count = np.bincount(members)
    means = {
        score: np.stack([_means(outcomes, (model, protocol, score), members, count) for model in models], axis=1)
        for score in ("accuracy", STABILITY)
    }
    reference = models.index(results["reference"])
    order = np.lexsort((means["accuracy"][:, reference], -np.nan_to_num(means[STABILITY][:, reference])))
    lines = [
        ClassLine(
            class_name(results, int(labels[row])), int(count[row]), *(means[score][row].tolist() for score in means)
        )
        for row in order[:MOST]
    ]
    return lines, len(labels)


def _means(
    outcomes: Outcomes, column: tuple[str, str, str], members: NDArray[np.intp], count: NDArray[np.intp]
) -> NDArray[np.float64]:
    values = outcomes.columns.get(column)
    if values is None:
        return np.full(len(count), np.nan)
    return np.bincount(members, np.nan_to_num(values)) / count
