"""A copy of a network with its batch normalisation folded, wherever that leaves the answer as it is."""

import torch
from torch import Tensor, nn

from lit_invariance.execution.device import device_of
from lit_invariance.execution.folding import fold_batch_norm
from lit_invariance.execution.replica import replica
from lit_invariance.protocols.window import Size, sides

AGREEMENT = 1e-4
"""Share of the largest logit by which a network that was made faster may differ from the plain one."""


def folded_replica(network: nn.Module, size: Size, channels: int = 3) -> tuple[nn.Module, int]:
    """Copy a network and fold the copy's batch normalisation, unless that changes the answer to a picture.

    Args:
        network: In evaluation mode; it is not changed, and shares the weights that are not folded.
        size: Side S of its input in pixels, or (H, W).
        channels: Channels C of its input `(N, C, H, W)`.

    Returns:
        The copy, and how many batch normalisations were folded.

    Raises:
        Exception: Whatever a part of the network raises that cannot be copied.
    """
    with torch.inference_mode(False), torch.no_grad():  # also within Lightning's validation, see `fold_batch_norm`
        fast, count = replica(network), 0
        example = _example(network, size, channels)
        try:
            count, plain = fold_batch_norm(fast, example)
            agreed = not count or _agree(plain, fast(example))
        except Exception:  # the network refuses its input, which is told where it runs for its result
            agreed = False
        return (fast, count) if agreed else (replica(network), 0)


def _example(network: nn.Module, size: Size, channels: int) -> Tensor:
    rows, columns = sides(size)
    return torch.linspace(0, 1, channels * rows * columns, device=device_of(network)).view(1, channels, rows, columns)


def _agree(plain: Tensor, fast: Tensor) -> bool:
    largest = float(plain.abs().max()) or 1.0
    return bool(((plain - fast).abs() <= AGREEMENT * largest).all())
