"""Scores of anchors: which of the frames around an anchor are answered rightly `(N, T)` in, one number each `(N,)` out.

T = 2k + 1 frames, the anchor in the middle; frames that a film does not have, or that do not count, are left out. The
definitions are those of Shankar et al., "Do Image Classifiers Generalize Across Time?", ICCV 2021.
"""

from torch import Tensor


def pm0(right: Tensor, counted: Tensor) -> Tensor:
    """Return whether the anchor is answered rightly.

    Args:
        right: `(N, T)`, bool.
        counted: `(N, T)`, bool: which frames count; the anchor does.

    Returns:
        `(N,)`, float32, 0 or 1.

    Example:
        >>> import torch
        >>> pm0(torch.tensor([[False, True, True]]), torch.tensor([[True, True, True]]))
        tensor([1.])
    """
    return right[:, right.shape[1] // 2].float()


def pm_k(right: Tensor, counted: Tensor) -> Tensor:
    """Return whether the anchor and all frames that count are answered rightly.

    Args:
        right: `(N, T)`, bool.
        counted: `(N, T)`, bool.

    Returns:
        `(N,)`, float32, 0 or 1.

    Example:
        >>> import torch
        >>> pm_k(torch.tensor([[False, True, True]] * 2), torch.tensor([[True, True, True], [False, True, True]]))
        tensor([0., 1.])
    """
    return (right | ~counted).all(1).float()


def gap(right: Tensor, counted: Tensor) -> Tensor:
    """Return whether the anchor is answered rightly and one of its neighbours is not: pm0 less pm-k.

    Args:
        right: `(N, T)`, bool.
        counted: `(N, T)`, bool.

    Returns:
        `(N,)`, float32, 0 or 1, so that its mean is a share of anchors as well.

    Example:
        >>> import torch
        >>> gap(torch.tensor([[False, True, True], [False, False, True]]), torch.ones(2, 3, dtype=torch.bool))
        tensor([1., 0.])
    """
    return pm0(right, counted) - pm_k(right, counted)
