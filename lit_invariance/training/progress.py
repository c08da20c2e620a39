"""What a training says while it runs: a bar in a terminal, and a line for every epoch everywhere."""

import sys
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, TQDMProgressBar
from pytorch_lightning.utilities import rank_zero_info

SHOWN = ("train/loss", "train/acc", "val/acc", "val/top1_change", "val/mean_absolute_change")


class EpochLines(Callback):
    """Print the epoch's numbers in one line, which outlives the bar and reads well in a log file."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock; Lightning reports no start for an epoch that is resumed in its middle."""
        self.began = time.monotonic()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start it for each epoch."""
        self.began = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the line; the validation belongs to the epoch."""
        values: dict[str, Any] = trainer.callback_metrics
        numbers = [f"{name} {float(values[name]):.3f}" for name in SHOWN if name in values]
        # Lightning has -1 for no end, as where the number of steps ends the training.
        end = "" if trainer.max_epochs == -1 else f"/{trainer.max_epochs}"
        epoch = f"epoch {trainer.current_epoch + 1}{end}"
        # The bar ends without a newline; a line that began in its middle could not be read.
        rank_zero_info("  ".join([f"\r{epoch}", *numbers, f"{time.monotonic() - self.began:.0f} s"]))


def progress(bar: bool) -> list[Callback]:
    """Return the callbacks that show how far a training is.

    Args:
        bar: Whether a bar is wanted; it is shown in a terminal only, for a log file would keep its every state.
    """
    # Where rich is installed, Lightning would choose its bar, which vanishes from cluster logs.
    return [TQDMProgressBar(leave=False), EpochLines()] if bar and sys.stdout.isatty() else [EpochLines()]
