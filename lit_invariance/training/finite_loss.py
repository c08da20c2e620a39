"""The end of a training that has diverged, before it replaces a good checkpoint."""

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from lit_invariance.errors import UserError


class FiniteLoss(Callback):
    """End a training whose loss is no longer finite; without validation, nothing else would notice."""

    def __init__(self) -> None:
        self._finite: Tensor | None = None

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any) -> None:
        """Look at the loss, without waiting for the device."""
        finite = torch.isfinite(outputs["loss"].detach())
        self._finite = finite if self._finite is None else self._finite & finite

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Decide, before checkpoints are written.

        Raises:
            UserError: If a loss of the epoch was infinite or no number, in any process.
        """
        finite, self._finite = self._finite, None
        if not trainer.strategy.reduce_boolean_decision(finite is None or bool(finite)):
            raise UserError(
                f"the training loss is no longer finite in epoch {trainer.current_epoch + 1}, which is not saved; "
                "lower model.lr, raise model.warmup_epochs or set --trainer.gradient_clip_val 1."
            )
