"""Two curves of every training: images per second, and the learning rate."""

import time
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch import Tensor


class Throughput(Callback):
    """Log `train/images_per_second` of every epoch: all processes, with loading, without validation."""

    def __init__(self) -> None:
        self._images, self._start, self._away = 0, 0.0, 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to count; Lightning reports no start for an epoch that is resumed in its middle."""
        self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to count."""
        self._images, self._start, self._away = 0, time.monotonic(), 0.0

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop the clock."""
        self._away -= time.monotonic()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock again."""
        self._away += time.monotonic()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Mapping[str, Tensor],
        batch_idx: int,
    ) -> None:
        """Count the images."""
        self._images += len(batch["label"])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the rate."""
        seconds = time.monotonic() - self._start - self._away
        rate = self._images * trainer.world_size / max(seconds, 1e-9)
        pl_module.log("train/images_per_second", rate, sync_dist=True)


class LearningRate(Callback):
    """Log `train/lr` of every step: the classification layer's, which is everyone's unless `backbone_lr` says other.

    Where it does, `train/backbone_lr` is a second curve. Lightning's monitor logs a curve for each parameter group.
    """

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Log the rate that the step is about to use."""
        rates = {}
        for group in trainer.optimizers[0].param_groups:
            rates[str(group.get("name", "head")).partition("/")[0]] = group["lr"]
        head = rates.get("head", next(iter(rates.values())))
        pl_module.log("train/lr", head)
        if rates.get("backbone", head) != head:
            pl_module.log("train/backbone_lr", rates["backbone"])
