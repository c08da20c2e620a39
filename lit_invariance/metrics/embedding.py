"""Scores of features: what a network makes of one image's views before it classifies them `(N, T, D)` in, `(N,)` out.

Neighbours are the views `(t, t + 1)`. Answers change where features cross a boundary between classes; features change
before that, and without any labels or classes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_invariance.metrics.functional import check


def embedding_cosine(features: Tensor) -> Tensor:
    """Mean over neighbours of the cosine between their features.

    Args:
        features: `(N, T, D)`, T at least 2.

    Returns:
        `(N,)`, float32, in [-1, 1]; nan where the features of a view are all zero.

    Raises:
        ValueError: If the features are not three-dimensional or hold fewer than two views.

    Example:
        >>> embedding_cosine(torch.tensor([[[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]]))
        tensor([0.5000])
    """
    return _cosines(features).mean(1)


def embedding_worst(features: Tensor) -> Tensor:
    """Return the least cosine between the features of neighbours.

    Args:
        features: `(N, T, D)`, T at least 2.

    Returns:
        `(N,)`, float32, in [-1, 1]; nan where the features of a view are all zero.

    Raises:
        ValueError: If the features are not three-dimensional or hold fewer than two views.

    Example:
        >>> embedding_worst(torch.tensor([[[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]]))
        tensor([0.])
    """
    return _cosines(features).amin(1)


def _cosines(features: Tensor) -> Tensor:
    check(features, views=2)
    directions = F.normalize(features.float(), dim=-1)
    cosines = (directions[:, 1:] * directions[:, :-1]).sum(-1).clamp(-1, 1)
    known = (features != 0).any(-1)
    return torch.where(known[:, 1:] & known[:, :-1], cosines, torch.nan)
