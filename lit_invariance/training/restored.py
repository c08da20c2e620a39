"""Whether a checkpoint holds a training that can go on, which Lightning finds out by running into it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback
from torch import Tensor
from torch.optim import Optimizer

from lit_invariance.errors import UserError

ONE_EACH = ("optimizer_states", "lr_schedulers")


class Restored(Callback):
    """Tells in one sentence that a checkpoint could not be restored; the first callback, so that it hears first.

    Args:
        path: The checkpoint; None for a training that begins.
    """

    def __init__(self, path: str | None) -> None:
        self.path, self.done = path, path is None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at what the optimisers were given, before they use it."""
        if self.path is not None:
            for optimizer in trainer.optimizers:
                for fault in _misfits(optimizer):
                    raise _no_training(self.path, fault)
        self.done = True

    @contextmanager
    def in_one_sentence(self) -> Iterator[None]:
        """Take whatever goes wrong in the block before the training goes on for the checkpoint's fault.

        Raises:
            UserError: If something does.
        """
        try:
            yield
        except (UserError, MisconfigurationException, OSError, MemoryError, Warning):
            raise
        except Exception as error:
            if self.path is None or self.done:
                raise
            raise _no_training(self.path, f"{type(error).__name__}: {error}") from error


def check_resumable(path: str, checkpoint: Mapping[str, Any]) -> None:
    """See that a checkpoint holds more than a network.

    Args:
        path: The file, for error messages.
        checkpoint: What `read_checkpoint` returned of it.

    Raises:
        UserError: If it lacks what a training needs to go on, or that is no count where it must be one.
    """
    for part in ONE_EACH:
        if len(checkpoint.get(part, ())) != 1:
            raise _no_training(path, f"it has {len(checkpoint.get(part, ()))} {part}, not 1")
    if not isinstance(checkpoint["lr_schedulers"][0].get("last_epoch"), int):
        raise _no_training(path, "its learning rate is at no step")
    if not isinstance(checkpoint.get("loops", {}).get("fit_loop"), dict) or not _counts(checkpoint["loops"]):
        raise _no_training(path, "its loops do not say how far it came")


def _counts(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_counts, value.values()))
    if isinstance(value, list):
        return all(map(_counts, value))
    return value is None or (isinstance(value, int | float) and value >= 0)


def _misfits(optimizer: Optimizer) -> Iterator[str]:
    for group in optimizer.param_groups:
        for name, usual in optimizer.defaults.items():
            if isinstance(usual, int | float) and not isinstance(group.get(name), int | float | Tensor):
                yield f"its optimiser's {name} is {group.get(name)!r}"
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.ndim and value.shape != parameter.shape:
                yield f"its optimiser's {name} has shape {tuple(value.shape)}, not {tuple(parameter.shape)}"


def _no_training(path: str, fault: str) -> UserError:
    return UserError(f"'{path}' holds no training that can go on: {fault}; copy the file again, or train again.")
