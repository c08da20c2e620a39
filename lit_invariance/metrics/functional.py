"""Scores that need no label: logits of one image's stack of views `(N, T, K)` in, one number per image `(N,)` out.

Neighbours are the views `(t, t + 1)`; `p = softmax(logits)`; `a_t` is the arg-max at view `t`. The definitions are
those of Azulay & Weiss, "Why do deep convolutional networks generalize so poorly to small image transformations?",
JMLR 20(184), 2019, section 2, unless a docstring names another source.
"""

from torch import Tensor


def check(logits: Tensor, views: int) -> None:
    """Refuse logits for which a score cannot be computed.

    Args:
        logits: Logits that should have the shape `(N, T, K)`.
        views: The least T.

    Raises:
        ValueError: If they have another number of dimensions, or fewer views.
    """
    if logits.ndim != 3:
        raise ValueError(f"logits have the shape (images, views, classes), not {tuple(logits.shape)}.")
    if logits.shape[1] < views:
        raise ValueError(f"this score needs at least {views} views of every image, not {logits.shape[1]}.")


def top1_change(logits: Tensor) -> Tensor:
    """Share of neighbour pairs whose arg-max differs: the paper's P(Top-1 change).

    Args:
        logits: `(N, T, K)`, T at least 2.

    Returns:
        `(N,)`, float32, in [0, 1].

    Raises:
        ValueError: If the logits are not three-dimensional or hold fewer than two views.

    Example:
        >>> import torch
        >>> top1_change(torch.tensor([[[2.0, 1.0], [0.0, 1.0], [0.0, 3.0]]]))
        tensor([0.5000])
    """
    check(logits, views=2)
    answers = logits.argmax(-1)
    return (answers[:, 1:] != answers[:, :-1]).float().mean(1)


def mean_absolute_change(logits: Tensor) -> Tensor:
    r"""Mean over neighbour pairs of `|p_t[a_t] - p_{t+1}[a_t]|`, the class being the first view's answer.

    Args:
        logits: `(N, T, K)`, T at least 2.

    Returns:
        `(N,)`, float32, a difference of probabilities in [0, 1].

    Raises:
        ValueError: If the logits are not three-dimensional or hold fewer than two views.

    Example:
        >>> import torch
        >>> mean_absolute_change(torch.tensor([[[0.0, 0.0], [0.0, 1000.0]]]))
        tensor([0.5000])
    """
    check(logits, views=2)
    probabilities = logits.float().softmax(-1)
    first, second = probabilities[:, :-1], probabilities[:, 1:]
    answers = logits[:, :-1].argmax(-1, keepdim=True)
    return (first.gather(-1, answers) - second.gather(-1, answers)).abs().mean((1, 2))


def agreement(logits: Tensor) -> Tensor:
    """Share of the later views whose arg-max equals the first view's.

    For two views this is the "consistency" of Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019,
    section 4.

    Args:
        logits: `(N, T, K)`, T at least 2.

    Returns:
        `(N,)`, float32, in [0, 1].

    Raises:
        ValueError: If the logits are not three-dimensional or hold fewer than two views.

    Example:
        >>> import torch
        >>> agreement(torch.tensor([[[2.0, 1.0], [0.0, 1.0], [4.0, 3.0]]]))
        tensor([0.5000])
    """
    check(logits, views=2)
    answers = logits.argmax(-1)
    return (answers[:, 1:] == answers[:, :1]).float().mean(1)


def all_agree(logits: Tensor) -> Tensor:
    """Return whether every view's arg-max equals the first view's.

    Args:
        logits: `(N, T, K)`, T at least 2.

    Returns:
        `(N,)`, float32, 0 or 1.

    Raises:
        ValueError: If the logits are not three-dimensional or hold fewer than two views.

    Example:
        >>> import torch
        >>> all_agree(torch.tensor([[[2.0, 1.0], [0.0, 1.0]], [[2.0, 1.0], [4.0, 3.0]]]))
        tensor([0., 1.])
    """
    return (agreement(logits) == 1).float()
