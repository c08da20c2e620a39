"""The distance of each test picture to its nearest training pictures, by matrix products of bounded size."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm  # type: ignore[import-untyped]

from lit_invariance.diagnostics.shiftability import PROGRESS_AFTER

NEIGHBOURS = 10
MEMORY = 2**30  # bytes of test vectors held at once


def nearest_distances(
    embed: Callable[[Tensor], Tensor],
    test: Iterable[Tensor],
    train: Callable[[], Iterable[Tensor]],
    *,
    neighbours: int = NEIGHBOURS,
    memory: int = MEMORY,
) -> NDArray[np.float64]:
    """Return the mean distance of each test picture to its nearest training pictures.

    Only so many test vectors are held as fit into `memory`; the training pictures pass once for each such block. A
    training picture that is also a test picture has the distance 0, so the two sets should not overlap.

    Args:
        embed: Pictures `(N, 3, S, S)` to vectors `(N, D)`, whose squared distance counts.
        test: Batches of test pictures.
        train: Returns the batches of training pictures, from the first, at each call.
        neighbours: Number of nearest training pictures, from 1.
        memory: Bytes of test vectors to hold at once; one batch is held in any case.

    Returns:
        `(N,)`, in the order of the test pictures.

    Raises:
        ValueError: If there are fewer training pictures than neighbours, or no test picture.
    """
    means = []
    for block in _blocks(map(embed, test), memory):
        nearest = torch.full((len(block), neighbours), torch.inf, device=block.device)
        for pictures in tqdm(train(), desc="nearest training images", delay=PROGRESS_AFTER, leave=False, disable=None):
            together = torch.cat([nearest, squared_distances(block, embed(pictures))], dim=1)
            nearest = together.topk(neighbours, dim=1, largest=False).values
        if nearest.isinf().any():
            raise ValueError(f"there are fewer than {neighbours} training images to compare with.")
        means.append(nearest.double().mean(1).cpu())
    if not means:
        raise ValueError("there is no test image to compare.")
    return torch.cat(means).numpy()


def squared_distances(left: Tensor, right: Tensor) -> Tensor:
    """Squared Euclidean distances of vectors `(N, D)` and `(M, D)`: `(N, M)`, from 0."""
    lengths = left.square().sum(1)[:, None] + right.square().sum(1)
    return torch.addmm(lengths, left, right.T, alpha=-2).clamp(min=0)


def _blocks(parts: Iterable[Tensor], memory: int) -> Iterator[Tensor]:
    held: list[Tensor] = []
    for part in parts:
        held.append(part)
        if _bytes(held) + _bytes([part]) > memory:
            yield torch.cat(held)
            held = []
    if held:
        yield torch.cat(held)


def _bytes(parts: Sequence[Tensor]) -> int:
    return sum(part.numel() * part.element_size() for part in parts)
