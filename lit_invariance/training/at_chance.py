"""A warning of a network that is no better than a constant answer."""

import math
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_info
from torch import Tensor

VALIDATIONS = 2
ONE_SIDED = 1.645
"""Standard errors that a constant answer's accuracy exceeds its mean by with a probability of .05."""


class AtChance(Callback):
    """Say once that accuracy has been at chance in two validations together.

    The rival always names the most frequent class. Its accuracy is the no-information rate (Kuhn, "Building Predictive
    Models in R Using the caret Package", Journal of Statistical Software 28(5), 2008).
    """

    def __init__(self) -> None:
        self._counts: Tensor | None = None
        self._below, self._told = 0, False

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to count."""
        classes: Any = pl_module.num_classes
        self._counts = torch.zeros(classes, dtype=torch.int64, device=pl_module.device)

    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *_: Any
    ) -> None:
        """Count the classes of a batch, those below 0 excepted, which are not known."""
        assert self._counts is not None
        self._counts += torch.bincount(batch.labels[batch.labels >= 0], minlength=len(self._counts))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare the accuracy of the validation with that of the rival."""
        assert self._counts is not None
        counts: Tensor = trainer.strategy.reduce(self._counts, reduce_op="sum")
        if trainer.sanity_checking or int((counts > 0).sum()) < 2:
            return
        images, share = int(counts.sum()), float(counts.max() / counts.sum())
        accuracy = float(trainer.callback_metrics["val/acc"])
        within = accuracy <= share + ONE_SIDED * math.sqrt(share * (1 - share) / images)
        self._below = self._below + 1 if within else 0
        if self._below == VALIDATIONS and not self._told:
            self._told = True
            rank_zero_info(
                f"warning: val/acc {accuracy:.3f} is at chance, as it was in the validation before: always naming the "
                f"most frequent class gives {share:.3f}; lower model.lr, or see that pictures and labels fit together."
            )
