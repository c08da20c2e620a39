"""Scores that need the label: logits `(N, T, K)` and labels `(N,)` in, one number per image `(N,)` out.

Notation as in `functional`; `y` is the label. Definitions are those of Azulay & Weiss (JMLR 20(184), 2019; its first
version, v1, is arXiv 1805.12177v1, 2018) unless a docstring names another source.
"""

import torch
from torch import Tensor

from lit_invariance.metrics.functional import check

TOP = 5


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of views whose arg-max is the label.

    Args:
        logits: `(N, T, K)`.
        labels: `(N,)`, class indices.

    Returns:
        `(N,)`, float32, in [0, 1].

    Raises:
        ValueError: If the logits are not three-dimensional.

    Example:
        >>> import torch
        >>> accuracy(torch.tensor([[[2.0, 1.0], [0.0, 1.0]]]), torch.tensor([0]))
        tensor([0.5000])
    """
    check(logits, views=1)
    return (logits.argmax(-1) == labels[:, None]).float().mean(1)


def worst_case_accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return whether the label is the arg-max at every view.

    The worst case over a set of transformations, as in Engstrom et al., "Exploring the Landscape of Spatial
    Robustness", ICML 2019.

    Args:
        logits: `(N, T, K)`.
        labels: `(N,)`, class indices.

    Returns:
        `(N,)`, float32, 0 or 1.

    Raises:
        ValueError: If the logits are not three-dimensional.

    Example:
        >>> import torch
        >>> worst_case_accuracy(torch.tensor([[[2.0, 1.0], [0.0, 1.0]]]), torch.tensor([0]))
        tensor([0.])
    """
    check(logits, views=1)
    return (logits.argmax(-1) == labels[:, None]).all(1).float()


def top5_accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of views at which fewer than five classes beat the label; what `size_sweep` shows (v1).

    Args:
        logits: `(N, T, K)`.
        labels: `(N,)`, class indices.

    Returns:
        `(N,)`, float32, in [0, 1]; 1 where there are five classes or fewer.

    Raises:
        ValueError: If the logits are not three-dimensional.

    Example:
        >>> import torch
        >>> top5_accuracy(torch.arange(12.0).view(1, 2, 6), torch.tensor([0]))
        tensor([0.])
    """
    check(logits, views=1)
    return _in_top5(logits, labels).float().mean(1)


def total_variation(logits: Tensor, labels: Tensor) -> Tensor:
    r"""Sum over steps of `|p_{t+1}[y] - p_t[y]|`.

    How jagged the curve of the true class's probability is: Zhang, "Making Convolutional Networks Shift-Invariant
    Again", ICML 2019, whose diagonal sweep is the protocol `diagonal`.

    Args:
        logits: `(N, T, K)`, T at least 2.
        labels: `(N,)`, class indices.

    Returns:
        `(N,)`, float32, sums of differences of probabilities in [0, T - 1].

    Raises:
        ValueError: If the logits are not three-dimensional or hold fewer than two views.

    Example:
        >>> import torch
        >>> total_variation(torch.tensor([[[0.0, 0.0], [0.0, 1000.0], [0.0, 0.0]]]), torch.tensor([1]))
        tensor([1.])
    """
    check(logits, views=2)
    probabilities = logits.float().softmax(-1)[torch.arange(len(labels), device=logits.device), :, labels]
    return probabilities.diff(dim=1).abs().sum(1)


def jaggedness(logits: Tensor, labels: Tensor) -> Tensor:
    """Number of steps at which the label enters or leaves the top five (v1, section 2).

    The first version of the paper prints the sum over 200 images.

    Args:
        logits: `(N, T, K)`, T at least 2.
        labels: `(N,)`, class indices.

    Returns:
        `(N,)`, float32, whole numbers in [0, T - 1].

    Raises:
        ValueError: If the logits are not three-dimensional or hold fewer than two views.

    Example:
        >>> import torch
        >>> jaggedness(torch.stack([torch.arange(6.0), -torch.arange(6.0)])[None], torch.tensor([0]))
        tensor([1.])
    """
    check(logits, views=2)
    inside = _in_top5(logits, labels)
    return (inside[:, 1:] != inside[:, :-1]).float().sum(1)


def jaggedness_share(logits: Tensor, labels: Tensor) -> Tensor:
    """Give `jaggedness` as a share of the steps, which can be compared between sweeps of different length.

    Args:
        logits: `(N, T, K)`, T at least 2.
        labels: `(N,)`, class indices.

    Returns:
        `(N,)`, float32, in [0, 1].

    Raises:
        ValueError: If the logits are not three-dimensional or hold fewer than two views.

    Example:
        >>> import torch
        >>> jaggedness_share(torch.arange(6.0).expand(1, 3, 6), torch.tensor([0]))
        tensor([0.])
    """
    return jaggedness(logits, labels) / (logits.shape[1] - 1)


def top1_change_given_correct(logits: Tensor, labels: Tensor) -> Tensor:
    """`top1_change` over the neighbour pairs whose first view is correct: instability separated from plain error.

    Args:
        logits: `(N, T, K)`, T at least 2.
        labels: `(N,)`, class indices.

    Returns:
        `(N,)`, float32, in [0, 1]; nan for an image that has no such pair, which then counts in no mean.

    Raises:
        ValueError: If the logits are not three-dimensional or hold fewer than two views.

    Example:
        >>> import torch
        >>> answers = torch.tensor([[0, 1, 1], [1, 1, 1]])
        >>> top1_change_given_correct(torch.nn.functional.one_hot(answers, 2).float(), torch.tensor([0, 0]))
        tensor([1., nan])
    """
    check(logits, views=2)
    answers = logits.argmax(-1)
    right = answers[:, :-1] == labels[:, None]
    changed = right & (answers[:, 1:] != answers[:, :-1])
    return changed.float().sum(1) / right.float().sum(1)


def both_correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of neighbour pairs in which both views are correct, also called fidelity.

    Args:
        logits: `(N, T, K)`, T at least 2.
        labels: `(N,)`, class indices.

    Returns:
        `(N,)`, float32, in [0, 1].

    Raises:
        ValueError: If the logits are not three-dimensional or hold fewer than two views.

    Example:
        >>> import torch
        >>> both_correct(torch.tensor([[[2.0, 1.0], [3.0, 1.0], [0.0, 1.0]]]), torch.tensor([0]))
        tensor([0.5000])
    """
    check(logits, views=2)
    right = logits.argmax(-1) == labels[:, None]
    return (right[:, 1:] & right[:, :-1]).float().mean(1)


def _in_top5(logits: Tensor, labels: Tensor) -> Tensor:
    """Whether the label is in the top five at each view, `(N, T)`; classes that tie with it do not push it out."""
    own = logits.gather(-1, labels[:, None, None].expand(-1, logits.shape[1], 1))
    return (logits > own).sum(-1) < TOP
