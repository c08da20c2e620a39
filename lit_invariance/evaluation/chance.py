"""Which models are at chance. A constant answer is perfectly stable, so the stability of such models is meaningless."""

import numpy as np

from lit_invariance.evaluation.significance import paired_p_values
from lit_invariance.results.outcomes import Outcomes
from lit_invariance.results.schema import SIGNIFICANCE


def at_chance(outcomes: Outcomes, seed: int) -> dict[str, list[str]]:
    """Find the models that are not shown to be more accurate than a constant answer.

    The rival is the best classifier of that kind: it always answers with the class that most of the images have, whose
    accuracy is known as the no-information rate (Kuhn, "Building Predictive Models in R Using the caret Package",
    Journal of Statistical Software 28(5), 2008). The test is the paired one of every comparison, see
    `paired_p_values`, at .05; a model is at chance unless it is better than the rival and the test says so.

    Args:
        outcomes: Per-image scores.
        seed: Seed of the test.

    Returns:
        For each protocol, by its label, the names of the models at chance. Empty where all images have one class, as
        the frames of a film, because the rival would then always be right.
    """
    classes, counts = np.unique(outcomes.labels, return_counts=True)
    if len(classes) < 2:
        return {}
    constant = (outcomes.labels == classes[counts.argmax()]).astype(np.float64)
    found: dict[str, list[str]] = {}
    for (model, protocol, score), accuracy in outcomes.columns.items():
        if score != "accuracy":
            continue
        # An image that the protocol does not show says nothing of either.
        shown = ~np.isnan(accuracy)
        pair = np.stack([accuracy[shown], constant[shown]], axis=1)
        better = len(pair) > 0 and pair[:, 0].mean() > pair[:, 1].mean()
        p = float(paired_p_values(pair, [1, 1], seed)[0]) if better else 1.0
        if not p < SIGNIFICANCE:
            found.setdefault(protocol, []).append(model)
    return found
