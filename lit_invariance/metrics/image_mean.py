"""torchmetrics classes: the mean of a per-image score over all images seen, on one process or on many."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from lit_invariance.metrics.scores import SCORES


class ImageMean(Metric):
    """Mean over images of a score.

    The states are a float64 sum and an int64 count, both reduced by summation, so that processes may hold unequal
    numbers of images. An image for which the score is undefined (nan) does not count.

    Args:
        score: A key of `lit_invariance.metrics.SCORES`, or a function `(logits, labels) -> (N,)`.
        **kwargs: Passed on to `torchmetrics.Metric`.

    Raises:
        ValueError: If no score has that name.

    Example:
        >>> metric = ImageMean("top1_change")
        >>> metric.update(torch.tensor([[[2.0, 1.0], [0.0, 1.0]], [[2.0, 1.0], [3.0, 1.0]]]), torch.tensor([0, 0]))
        >>> metric.compute()
        tensor(0.5000, dtype=torch.float64)
    """

    full_state_update = False
    sum: Tensor
    count: Tensor

    def __init__(self, score: str | Callable[[Tensor, Tensor], Tensor], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(score, str) and score not in SCORES:
            raise ValueError(f"no score is named {score!r}; known are {', '.join(sorted(SCORES))}.")
        self.score = score  # a name stays one, because the function behind it may not be picklable
        self.add_state("sum", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Add a batch of images.

        Args:
            logits: `(N, T, K)`.
            labels: `(N,)`.
        """
        function = SCORES[self.score].function if isinstance(self.score, str) else self.score
        scores = function(logits, labels)
        # A Trainer in bf16-true or 16-true halves the state of every metric inside a module.
        self.sum = self.sum.double() + scores.double().nansum()
        self.count += scores.isnan().logical_not().sum()

    def compute(self) -> Tensor:
        """Return the mean over images; nan if there was no image."""
        return self.sum / self.count


class Accuracy(ImageMean):
    """Mean over images of `accuracy`: share of views whose arg-max is the label."""

    higher_is_better = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("accuracy", **kwargs)


class Top1Change(ImageMean):
    """Mean over images of `top1_change`: share of pairs of neighbouring views with different arg-max."""

    higher_is_better = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("top1_change", **kwargs)


class MeanAbsoluteChange(ImageMean):
    """Mean over images of `mean_absolute_change`: how far the first view's answer changes its probability."""

    higher_is_better = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("mean_absolute_change", **kwargs)


class Agreement(ImageMean):
    """Mean over images of `agreement`: share of the later views with the same answer as the first."""

    higher_is_better = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("agreement", **kwargs)
