"""Which pictures of a validation set are measured: some of them, evenly spaced, each by one process."""

from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.distributed import DistributedSamplerWrapper
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, IterableDataset, SequentialSampler

from lit_invariance.errors import UserError


def evenly(positions: Sequence[int], wanted: int) -> list[int]:
    """Choose positions at even distances, because data sets are sorted by class; all of them where there are fewer."""
    count = min(wanted, len(positions))
    return [positions[number * len(positions) // count] for number in range(count)]


class Choice:
    """Follows the validation batches of one epoch and picks the rows to measure.

    Args:
        order: Position in the data set of each picture that will come, in the order of coming.
        chosen: Positions of those that this process measures.
    """

    def __init__(self, order: Sequence[int], chosen: Collection[int]) -> None:
        self.order, self.left, self.seen = order, set(chosen), 0

    def rows(self, count: int) -> dict[int, int]:
        """Look at the next batch.

        Args:
            count: Its number of pictures.

        Returns:
            Row to position of the pictures to measure, each position once in an epoch.
        """
        coming = self.order[self.seen : self.seen + count]
        self.seen += count
        found = {}
        for row, position in enumerate(coming):
            if position in self.left:
                self.left.remove(position)
                found[row] = position
        return found


def choose(trainer: pl.Trainer, wanted: int) -> Choice:
    """Choose among the pictures that a validation will show, on all processes together.

    Must be called by all processes.

    Args:
        trainer: The trainer, at the start of its validation.
        wanted: The greatest number of pictures.

    Returns:
        The choice: `wanted` positions, evenly spaced over all that are shown. A picture that several processes see, as
        when a sampler repeats some to fill the last batch, is measured by the first of them.

    Raises:
        UserError: On several processes, if the order of the pictures is not known beforehand.
    """
    order = known_order(trainer)
    if order is None:
        return _by_arrival(trainer, wanted)
    if trainer.world_size == 1:
        return Choice(order, evenly(sorted(set(order)), wanted))
    orders: list[list[int]] = [[] for _ in range(trainer.world_size)]
    torch.distributed.all_gather_object(orders, order)
    chosen = set(evenly(sorted(set().union(*orders)), wanted))
    return Choice(order, (chosen & set(order)).difference(*orders[: trainer.global_rank]))


def known_order(trainer: pl.Trainer) -> list[int] | None:
    """Return the positions of the pictures that this process will see in a validation, in order.

    Args:
        trainer: The trainer, at the start of its validation.

    Returns:
        Positions in the data set; None where the loader draws at random or its data set has no positions.
    """
    loader = first_loader(trainer)
    if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset):
        return None
    batches, sampler = loader.batch_sampler, loader.sampler
    ordered = isinstance(sampler, SequentialSampler | DistributedSampler)
    if type(batches) is not BatchSampler or not ordered or isinstance(sampler, DistributedSamplerWrapper):
        return None
    return [position for batch in islice(batches, int(trainer.num_val_batches[0])) for position in batch]


def first_loader(trainer: pl.Trainer) -> Any:
    """Return the loader of the validation; the first one where there are several."""
    # `trainer.val_dataloaders` would be those of an earlier `fit`.
    loop = trainer.validate_loop if trainer.state.fn == "validate" else trainer.fit_loop.epoch_loop.val_loop
    loaders: Any = None if loop._combined_loader is None else loop._combined_loader.iterables
    if isinstance(loaders, dict):
        loaders = [*loaders.values()]
    return loaders[0] if isinstance(loaders, list | tuple) else loaders


def _by_arrival(trainer: pl.Trainer, wanted: int) -> Choice:
    """Number the pictures as they come; where nobody knows how many will come, the first ones are taken."""
    loader = first_loader(trainer)
    if trainer.world_size > 1:
        raise UserError(
            f"InvarianceCallback cannot tell which pictures a {type(loader).__name__} shows to which process, so some "
            "would be counted twice; validate with a DataLoader(shuffle=False), or set data= to the source pictures."
        )
    try:
        shown = trainer.num_val_batches[0] * loader.batch_size
        order = range(int(min(len(loader.sampler), shown)))
    except (AttributeError, TypeError):  # no DataLoader, one without a length, or with its own batches
        order = range(wanted)
    return Choice(order, evenly(order, wanted))
