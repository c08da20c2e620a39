"""A warning of a training whose loss rises."""

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_info

EPOCHS = 2
# Of the first loss, which moves by some rounding even where nothing is learnt.
NOISE = 0.01


class RisingLoss(Callback):
    """Say once that the loss has been above that of the first epoch for two epochs together; means over an epoch."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._above = 0
        self._sum, self._steps = torch.zeros(()), 0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin a mean."""
        self._sum, self._steps = torch.zeros((), device=pl_module.device), 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add a step's loss, without waiting for the device."""
        self._sum, self._steps = self._sum.to(outputs["loss"].device) + outputs["loss"].detach(), self._steps + 1

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare the epoch's loss with that of the first."""
        if not self._steps:
            return
        loss = float(self._sum) / self._steps
        if self._first is None:
            self._first = loss
        self._above = self._above + 1 if loss > self._first + NOISE * abs(self._first) else 0
        if self._above == EPOCHS:
            rank_zero_info(
                f"warning: the training loss has been above that of the first epoch ({self._first:.4g}) for {EPOCHS} "
                f"epochs and is {loss:.4g}; the training may diverge: lower the learning rate or lengthen the warm-up."
            )

    def state_dict(self) -> dict[str, Any]:
        """Return the losses that a resumed training compares with."""
        return {"first": self._first, "above": self._above}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._first, self._above = state_dict["first"], state_dict["above"]
