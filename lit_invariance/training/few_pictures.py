"""A warning of a validation that shows too few pictures to choose an epoch by."""

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_info

from lit_invariance.training.choice import first_loader
from lit_invariance.training.measuring_cost import images_of

ENOUGH = 50


class FewPictures(Callback):
    """Say at the start that accuracy moves in steps that are larger than most gains."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count the pictures of a validation."""
        if not sum(trainer.num_val_batches):
            return
        count = images_of(trainer, first_loader(trainer), trainer.num_val_batches[0])
        if 0 < count < ENOUGH:
            rank_zero_info(
                f"warning: {count} validation images move val/acc in steps of {1 / count:.3f}, so the best epoch is "
                f"chosen by chance; validate on {ENOUGH} or more: add pictures, or raise --data.val_fraction."
            )
