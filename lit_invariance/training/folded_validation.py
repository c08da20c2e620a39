"""The network as a validation runs it: with its batch normalisation folded, which is exact to rounding and faster."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch import nn

from lit_invariance.execution.folded_replica import folded_replica


class FoldedValidation(Callback):
    """Holds a folded copy of a `LitClassifier`'s network from a validation's first batch to its end.

    It is no part of the module, so that a checkpoint never stores the copy.

    Attributes:
        network: The copy; None outside a validation, or where nothing can be folded.
    """

    def __init__(self) -> None:
        self.network: nn.Module | None = None

    def on_validation_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Fold, now that callbacks that average weights have exchanged them."""
        if batch_idx or dataloader_idx:
            return
        preprocessing: Any = pl_module.preprocessing
        network: Any = pl_module.backbone
        try:
            copy, folded = folded_replica(network, preprocessing.size, len(preprocessing.mean))
        except Exception:  # whatever a part of a foreign network raises that cannot be copied
            return
        self.network = copy if folded else None

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let go of the copy, since the next step changes the weights."""
        self.network = None

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Let go of the copy where a validation is broken off."""
        self.network = None
