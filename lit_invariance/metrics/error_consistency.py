"""`error_consistency`: how far neighbouring views have the same answer beyond chance."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from lit_invariance.metrics.functional import check

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Array = NDArray[np.float64]
ROUNDING = 1e-12


class ErrorConsistency(Metric):
    """Cohen's kappa of the answers at neighbouring views, over all images seen, on one process or on many.

    `(observed - expected) / (1 - expected)`: observed is the share of neighbour pairs with the same answer, each image
    counting alike, which is 1 - `top1_change`; expected is the sum over classes of the share of first views with that
    answer times the share of second views with it, which is what would be observed if views were paired at random.
    1 is perfect steadiness, 0 that of a network whose answers have nothing to do with the picture. A network that
    always gives the same answer is as steady as chance makes it: 0 / 0, undefined. Cohen, Educational and Psychological
    Measurement 20(1), 1960; Geirhos et al., "Beyond accuracy", NeurIPS 2020, use it for right and wrong answers.

    It is no mean over images, so all answers are kept, two numbers and a count for each pair.

    Args:
        **kwargs: Passed on to `torchmetrics.Metric`.

    Example:
        >>> metric = ErrorConsistency()
        >>> answers = torch.tensor([[0, 0], [0, 1], [1, 1], [1, 1]])
        >>> metric.update(torch.nn.functional.one_hot(answers).float(), torch.zeros(4))
        >>> metric.compute()  # 3/4 are the same, 1/2 * 1/4 + 1/2 * 3/4 by chance
        tensor(0.5000, dtype=torch.float64)
    """

    full_state_update = False
    higher_is_better = True
    first: list[Tensor] | Tensor
    second: list[Tensor] | Tensor
    pairs: list[Tensor] | Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for state in ("first", "second", "pairs"):
            self.add_state(state, [], dist_reduce_fx="cat")

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Add a batch of images.

        Args:
            logits: `(N, T, K)`, T at least 2.
            labels: `(N,)`; not used.
        """
        check(logits, views=2)
        answers = logits.argmax(-1)
        first, second = answers[:, :-1].flatten(), answers[:, 1:].flatten()
        added = {"first": first, "second": second, "pairs": torch.full_like(first, answers.shape[1] - 1)}
        for state, values in added.items():
            getattr(self, state).append(values)

    def compute(self) -> Tensor:
        """Return kappa; nan if there was no image, or only ever one answer."""
        if not len(self.first) or not len(dim_zero_cat(self.first)):
            return torch.tensor(torch.nan, dtype=torch.float64, device=self.device)
        first, second, pairs = (dim_zero_cat(state).cpu() for state in (self.first, self.second, self.pairs))
        weights = 1 / pairs.double()
        classes = int(torch.maximum(first.max(), second.max())) + 1
        shares = [torch.bincount(part, weights, classes) / weights.sum() for part in (first, second)]
        observed = (weights * (first == second)).sum() / weights.sum()
        kappa = value(torch.cat([observed[None], *shares]).numpy()[None])
        return torch.from_numpy(kappa).to(self.device)[0]


def features(answers: NDArray[np.int32], labels: NDArray[np.int64], reference: int | None) -> Any:
    """Tell of each image the share of its neighbour pairs with one answer, and its answers at first and second views.

    Args:
        answers: `(N, T)`; -1 at views that an image does not have.
        labels: `(N,)`; not used.
        reference: Not used.

    Returns:
        `(N, 1 + 2C)`, sparse: the share of pairs that agree, then for each of the C answers that are given at both
        first and second views the share of first views with it, then that of second views; and which images have pairs.
    """
    from scipy.sparse import coo_array

    first, second = answers[:, :-1], answers[:, 1:]
    images, places = np.nonzero((first >= 0) & (second >= 0))
    first, second = first[images, places], second[images, places]
    pairs = np.bincount(images, minlength=len(answers))
    # An answer that is given on one side only adds nothing to what chance makes the same.
    shared = np.intersect1d(first, second)
    rows, columns = [images[first == second]], [np.zeros(np.count_nonzero(first == second), np.int64)]
    for side, given in enumerate((first, second)):
        known = np.isin(given, shared)
        rows.append(images[known])
        columns.append(1 + side * len(shared) + np.searchsorted(shared, given[known]))
    where = np.concatenate(rows), np.concatenate(columns)
    size = (len(answers), 1 + 2 * len(shared))
    counts: csr_array = coo_array((np.ones(len(where[0])), where), size).tocsr()
    counts.sum_duplicates()
    counts.data /= np.repeat(pairs, np.diff(counts.indptr))
    return counts, pairs > 0


def value(means: Array) -> Array:
    """Return kappa `(B,)` of the means `(B, 1 + 2C)`; nan where there is only one answer."""
    observed, expected = means[:, 0], _expected(means)
    defined = expected < 1 - ROUNDING
    kappa: Array = np.where(defined, (observed - expected) / np.where(defined, 1 - expected, 1), np.nan)
    return kappa


def slope(mean: Array) -> Array:
    """Return the derivative of kappa by each mean, `(1 + 2C,)`."""
    expected = float(_expected(mean[None])[0])
    if not expected < 1 - ROUNDING:
        return np.zeros_like(mean)
    by_expected = (mean[0] - 1) / (1 - expected) ** 2
    first, second = np.split(mean[1:], 2)
    return np.concatenate([[1 / (1 - expected)], by_expected * second, by_expected * first])


def ends(mean: Array) -> tuple[float, float]:
    """Return kappa if no pair had one answer, and if all had, chance being the same."""
    return float(value(np.concatenate([[0.0], mean[1:]])[None])[0]), 1.0


def _expected(means: Array) -> Array:
    first, second = np.split(means[:, 1:], 2, axis=1)
    shares: Array = (first * second).sum(1)
    return shares
