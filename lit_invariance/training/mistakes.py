"""A user's mistake that one of several processes finds, reported for all of them together."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytorch_lightning as pl
import torch

from lit_invariance.errors import UserError


class Mistakes:
    """Keeps a mistake until all processes meet, because a process that waits for a dead one waits forever."""

    def __init__(self) -> None:
        self._first: UserError | None = None

    @contextmanager
    def kept(self, trainer: pl.Trainer) -> Iterator[None]:
        """Keep what is raised inside, unless this is the only process.

        Args:
            trainer: The trainer that the code inside works for.

        Raises:
            UserError: What a single process raised inside.
        """
        try:
            yield
        except UserError as error:
            if trainer.world_size == 1:
                raise
            self._first = self._first or error

    def tell(self, trainer: pl.Trainer) -> None:
        """End all processes if one of them has kept a mistake; all must call this.

        Args:
            trainer: The trainer.

        Raises:
            UserError: The mistake, in the first process.
            SystemExit: With code 2 in the others, so that the sentence is printed only once.
        """
        if trainer.world_size == 1:
            return
        found: list[UserError | None] = [None] * trainer.world_size
        torch.distributed.all_gather_object(found, self._first)
        for mistake in found:
            if mistake is not None:
                raise mistake if trainer.is_global_zero else SystemExit(2)
