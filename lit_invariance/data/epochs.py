"""The order of a training's images, and the random draws for each, as functions of seed, epoch and position only.

So a resumed training sees what it would have seen without a pause, and the number of workers changes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, DistributedSampler

from lit_invariance.data.workers import WorkerLoader

Place = tuple[int, int]
"""An epoch, from 0, and a position in the data set."""
PURPOSES = ("order", "view", "step", "block")
BUFFER = 5000


def generator_of(purpose: str, *numbers: int) -> np.random.Generator:
    """Make the generator for one purpose; generators for different purposes or numbers are independent.

    Args:
        purpose: One of `PURPOSES`.
        numbers: What it belongs to, such as seed, epoch and position; none is negative.
    """
    # The purpose is a key and no further number: numpy fills short lists with zeros, so that [3, 0] is [3].
    return np.random.default_rng(np.random.SeedSequence(numbers, spawn_key=(PURPOSES.index(purpose),)))


def order_in_runs(runs: Sequence[int], generator: np.random.Generator, buffer: int = BUFFER) -> NDArray[np.int64]:
    """Shuffle positions as it is done with shards: the runs first, then what is in a buffer.

    Args:
        runs: Numbers of neighbouring positions that belong together; their sum is the number N of positions.
        generator: Draws the order.
        buffer: Number of positions that wait for their turn; each is the next one with equal probability.

    Returns:
        `(N,)`, every position once.
    """
    ends = np.cumsum(runs)
    order = np.concatenate([np.arange(ends[run] - runs[run], ends[run]) for run in generator.permutation(len(runs))])
    waiting = order[:buffer].copy()
    coming = order[buffer:].copy()
    for place, slot in enumerate(generator.integers(len(waiting), size=len(coming))):
        order[place], waiting[slot] = waiting[slot], coming[place]
    order[len(coming) :] = generator.permutation(waiting)
    return order


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
        runs: Numbers of neighbours that are read fast one after another, which `order_in_runs` keeps near each other.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        seed: int,
        batch_size: int,
        world: int = 1,
        rank: int = 0,
        batches_done: Callable[[], int] = lambda: 0,
        runs: Sequence[int] | None = None,
    ) -> None:
        super().__init__(dataset, num_replicas=world, rank=rank, seed=seed)
        self.batch_size, self.batches_done, self.runs = batch_size, batches_done, runs

    def __iter__(self) -> Iterator[Place]:
        """Iterate over this process's places, from the first batch that is not done."""
        images = len(self.dataset)  # type: ignore[arg-type]
        generator = generator_of("order", self.seed, self.epoch)
        order = generator.permutation(images) if self.runs is None else order_in_runs(self.runs, generator)
        share = np.resize(order, self.total_size)[self.rank :: self.num_replicas]
        return ((self.epoch, int(index)) for index in share[self.batches_done() * self.batch_size :])


class EpochLoader(WorkerLoader):
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
