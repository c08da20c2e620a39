"""A warning of a training whose loss rises."""

from math import hypot, sqrt
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_info

EPOCHS = 2
# Of the first loss, which moves by some rounding even where nothing is learnt.
NOISE = 0.01
# Standard errors by which a mean must lie above the first: a network that begins well, as in distillation, stays around
# its start.
SURE = 2.0


class RisingLoss(Callback):
    """Say once that the loss has been above that of the first epoch for two epochs together.

    Compared are means over an epoch; one counts as above the other where the scatter of the steps does not explain it.
    """

    def __init__(self) -> None:
        self._first: float | None = None
        self._first_error, self._above = 0.0, 0
        self._begin(torch.device("cpu"))

    def _begin(self, device: torch.device) -> None:
        self._mean, self._squares, self._steps = torch.zeros((), device=device), torch.zeros((), device=device), 0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin a mean."""
        self._begin(pl_module.device)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add a step's loss to mean and squared deviations (Welford 1962), without waiting for the device."""
        loss = outputs["loss"].detach().to(self._mean.device)
        self._steps += 1
        apart = loss - self._mean
        self._mean = self._mean + apart / self._steps
        self._squares = self._squares + apart * (loss - self._mean)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare the epoch's loss with that of the first."""
        if not self._steps:
            return
        loss = float(self._mean)
        error = sqrt(float(self._squares) / max(1, self._steps - 1) / self._steps)
        if self._first is None:
            self._first, self._first_error = loss, error
        bound = self._first + max(NOISE * abs(self._first), SURE * hypot(self._first_error, error))
        self._above = self._above + 1 if loss > bound else 0
        if self._above == EPOCHS:
            rank_zero_info(
                f"warning: the training loss has been above that of the first epoch ({self._first:.4g}) for {EPOCHS} "
                f"epochs and is {loss:.4g}; the training may diverge: lower the learning rate or lengthen the warm-up."
            )

    def state_dict(self) -> dict[str, Any]:
        """Return the losses that a resumed training compares with."""
        return {"first": self._first, "first_error": self._first_error, "above": self._above}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._first, self._above = state_dict["first"], state_dict["above"]
        self._first_error = state_dict.get("first_error", 0.0)  # which earlier versions did not keep
