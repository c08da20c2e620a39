"""Lightning's counters of epochs and batches in a checkpoint, set to a moment from which a training can go on.

A checkpoint is written in the middle of a hook, where some counters are ahead of others, and Lightning 2.6 does not
find back from every such moment.
"""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

NONE_DONE = {"ready": 0, "started": 0, "processed": 0, "completed": 0}


class Counters(Callback):
    """Write a checkpoint of an epoch's end as one of the next epoch's start.

    Where `max_steps` limits a training, Lightning would run the epoch's end once more and train no further.
    """

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Set the counters."""
        fit = checkpoint["loops"]["fit_loop"]
        epochs = fit["epoch_progress"]
        if epochs["total"]["processed"] > epochs["total"]["completed"]:
            for counters in epochs.values():
                counters["completed"] = counters["processed"]
            fit["epoch_loop.batch_progress"]["current"] = dict(NONE_DONE)
            fit["epoch_loop.batch_progress"]["is_last_batch"] = False


def set_between_batches(checkpoint: dict[str, Any]) -> None:
    """Say that the batch which is about to begin has not begun.

    Args:
        checkpoint: Lightning's dictionary, written before a batch; changed in place.
    """
    batches = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
    for counters in (batches["total"], batches["current"]):
        counters["ready"] = counters["completed"]


def set_before_validation(checkpoint: dict[str, Any]) -> None:
    """Say that the first batch of the validation has begun and no more, which makes Lightning validate once more.

    Args:
        checkpoint: Lightning's dictionary, written within a validation; changed in place.
    """
    batches = checkpoint["loops"]["fit_loop"]["epoch_loop.val_loop.batch_progress"]
    batches["total"] = {**NONE_DONE, "ready": 1, "started": 1}
    batches["current"] = dict(NONE_DONE)
    batches["is_last_batch"] = False
