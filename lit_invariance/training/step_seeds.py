"""What a training step draws, as dropout and moved views do, as a function of seed, epoch, step and process."""

import os
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from lit_invariance.data.epochs import generator_of


class StepSeeds(Callback):
    """Seed PyTorch's generators before every step, so that whoever resumes draws what was due.

    The seed is that of `seed_everything`. A checkpoint stores it, and a resumed training uses the stored seed.
    """

    def __init__(self) -> None:
        self.seed: int | None = None

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, index: int) -> None:
        """Seed the generators of all devices."""
        numbers = self._known(), trainer.current_epoch, index, trainer.global_rank
        torch.manual_seed(int(generator_of("step", *numbers).integers(2**63)))

    def state_dict(self) -> dict[str, Any]:
        """Return the seed."""
        return {"seed": self._known()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the seed of the resumed training."""
        self.seed = state_dict["seed"]

    def _known(self) -> int:
        if self.seed is None:
            self.seed = int(os.environ.get("PL_GLOBAL_SEED", 0))  # where Lightning leaves it
        return self.seed
