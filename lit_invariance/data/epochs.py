"""The order of a training's images, and the random draws for each, as functions of seed, epoch and position only.

So a resumed training sees what it would have seen without a pause, and the number of workers changes nothing.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset, DistributedSampler

Place = tuple[int, int]
"""An epoch, from 0, and a position in the data set."""
PURPOSES = ("order", "view", "step", "block")


def generator_of(purpose: str, *numbers: int) -> np.random.Generator:
    """Make the generator for one purpose; generators for different purposes or numbers are independent.

    Args:
        purpose: One of `PURPOSES`.
        numbers: What it belongs to, such as seed, epoch and position; none is negative.
    """
    # The purpose is a key and no further number: numpy fills short lists with zeros, so that [3, 0] is [3].
    return np.random.default_rng(np.random.SeedSequence(numbers, spawn_key=(PURPOSES.index(purpose),)))


class EpochSampler(DistributedSampler[Any]):
    """Gives each of several processes its share of an epoch's order, as places.

    All processes get equally many; if there are not enough images, the order begins again.

    Args:
        dataset: The data to divide.
        seed: Seed of the training.
        batch_size: Images a batch of one process.
        world: Number of processes.
        rank: This process, from 0.
        batches_done: Returns how many batches of the epoch an interrupted training has finished.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        seed: int,
        batch_size: int,
        world: int = 1,
        rank: int = 0,
        batches_done: Callable[[], int] = lambda: 0,
    ) -> None:
        super().__init__(dataset, num_replicas=world, rank=rank, seed=seed)
        self.batch_size, self.batches_done = batch_size, batches_done

    def __iter__(self) -> Iterator[Place]:
        """Iterate over this process's places, from the first batch that is not done."""
        images = len(self.dataset)  # type: ignore[arg-type]
        order = np.resize(generator_of("order", self.seed, self.epoch).permutation(images), self.total_size)
        share = order[self.rank :: self.num_replicas][self.batches_done() * self.batch_size :]
        return ((self.epoch, int(index)) for index in share)


class EpochLoader(DataLoader[Any]):
    """A loader that asks its sampler for an epoch's order only when the epoch's first batch is wanted.

    Lightning makes the first iterator, whose workers begin at once, before it restores a resumed training's position.
    """

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # an iterator like DataLoader's, begun later
        """Iterate over the batches."""
        yield from super().__iter__()

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: the existence of a state tells Lightning that an epoch can be resumed in its middle."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Do nothing: the Trainer's own count of batches gives the position."""
