"""A distributed sampler that gives every sample to exactly one process."""

from collections.abc import Iterator
from typing import Any

from torch.utils.data import Dataset, DistributedSampler


class UnpaddedSampler(DistributedSampler[Any]):
    """Hands process `rank` of `world` the samples rank, rank + world, ... in order.

    PyTorch's sampler repeats samples until all processes have equally many, which falsifies every mean. Lightning
    leaves a sampler alone that is already a `DistributedSampler`.

    Args:
        dataset: The data to divide.
        world: Number of processes.
        rank: This process, from 0.
    """

    def __init__(self, dataset: Dataset[Any], world: int = 1, rank: int = 0) -> None:
        super().__init__(dataset, num_replicas=world, rank=rank, shuffle=False)
        self.samples = range(rank, len(dataset), world)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[int]:
        """Iterate over this process's positions."""
        return iter(self.samples)

    def __len__(self) -> int:
        """Return the number of this process's samples."""
        return len(self.samples)
