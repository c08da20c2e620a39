"""`relative_loss`: how much of its accuracy a network loses when the picture is moved."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def features(answers: NDArray[np.int32], labels: NDArray[np.int64], reference: int | None) -> Any:
    """Tell of each image whether the view that is not moved is answered correctly, and which share of the others.

    Args:
        answers: `(N, T)`; -1 at views that an image does not have.
        labels: `(N,)`.
        reference: Place of the view that is not moved.

    Returns:
        `(N, 2)`, sparse; and which images have that view and another one.
    """
    from scipy.sparse import csr_array

    right, shown = answers == labels[:, None], answers >= 0
    others = np.arange(answers.shape[1]) != reference
    counted: NDArray[np.bool_] = np.asarray(shown[:, ~others].any(1) & shown[:, others].any(1))
    moved = right[:, others].sum(1) / np.maximum(shown[:, others].sum(1), 1)
    return csr_array(np.stack([right[:, ~others].any(1), moved], 1) * counted[:, None]), counted


def value(means: Array) -> Array:
    """Return `100 (accuracy - accuracy when moved) / accuracy`, `(B,)` of `(B, 2)`; nan where the accuracy is 0.

    The relative robustness of LR0.FM (Pathak et al., ICLR 2025) is 1 less a hundredth of it, with low resolution in
    place of the move.
    """
    accuracy, moved = means.T
    some = accuracy > 0
    loss: Array = np.where(some, 100 * (accuracy - moved) / np.where(some, accuracy, 1), np.nan)
    return loss


def slope(mean: Array) -> Array:
    """Return the derivative of the loss by each mean, `(2,)`."""
    accuracy, moved = mean
    return np.array([100 * moved / accuracy**2, -100 / accuracy]) if accuracy > 0 else np.zeros(2)


def ends(mean: Array) -> tuple[float, float]:
    """Return the loss if every image were right at the moved views alone, and at the other one alone, by its slope."""
    loss, one = float(value(mean[None])[0]), 100 / float(mean[0]) if mean[0] > 0 else 0.0
    return loss - one, loss + one
