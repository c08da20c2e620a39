"""Stopping a training on a signal: within one batch, with a checkpoint, and with the command that resumes it."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from pytorch_lightning.callbacks import Callback, WeightAveraging
from pytorch_lightning.utilities import rank_zero_info

from lit_invariance.cli.signals import STOPPING, Stopped, StopRequest
from lit_invariance.training.loop_counters import set_before_validation, set_between_batches


class Stopping(Callback):
    """Stops when a signal asked for it.

    A checkpoint is written before the next batch, or within a validation, which the resumed run repeats. Several
    processes agree before each training batch and finish a validation, of which they may have different numbers of
    batches. Nothing is saved before the gradients of `accumulate_grad_batches` are complete, nor of a network that is
    no longer finite.

    Args:
        request: The signals that came.
        path: Where to save; None where the run keeps no checkpoints.
        command: The command that resumes the training.
        stands: Returns whether the run has a checkpoint to resume from.
        requeue: Whether the same command resumes the training, so that a SLURM job can be requeued.
    """

    def __init__(
        self, request: StopRequest, path: Path | None, command: str, stands: Callable[[], bool], requeue: bool
    ) -> None:
        self.request, self.path, self.command, self.stands, self.requeue = request, path, command, stands, requeue
        self._leaving = self._validating = False

    def on_sanity_check_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals over from Lightning, which would save in the middle of a step."""
        self._listen(trainer)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals over where no sanity check is run."""
        self._listen(trainer)

    def _listen(self, trainer: pl.Trainer) -> None:
        if self.request.heard:
            self.request.listen(*STOPPING)
            environment = getattr(trainer.strategy, "cluster_environment", None)
            if SLURMEnvironment.detect() and getattr(environment, "auto_requeue", True):
                self.request.listen(signal.SIGUSR1)

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, index: int) -> None:
        """Stop before a batch."""
        if index % trainer.accumulate_grad_batches == 0 and self._asked(trainer):
            self._leave(trainer, save=index > 0)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop between two epochs, where everything is saved."""
        if self._asked(trainer):
            self._leave(trainer, save=False)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop before a validation."""
        self._leave_validation(trainer)

    def on_validation_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Stop within a validation."""
        if self.request and trainer.world_size == 1:
            for callback in trainer.callbacks:  # type: ignore[attr-defined]
                if isinstance(callback, WeightAveraging):  # it has lent its average to the network
                    callback.on_validation_epoch_end(trainer, pl_module)
        self._leave_validation(trainer)

    def _leave_validation(self, trainer: pl.Trainer) -> None:
        if self.request and trainer.world_size == 1:
            self._validating = not trainer.sanity_checking
            self._leave(trainer, save=self._validating)

    def on_save_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Set Lightning's counters to where the resumed run is to begin."""
        if self._leaving:
            set_before_validation(checkpoint) if self._validating else set_between_batches(checkpoint)

    def _asked(self, trainer: pl.Trainer) -> bool:
        if trainer.world_size == 1:
            return bool(self.request)
        return bool(trainer.strategy.reduce_boolean_decision(bool(self.request), all=False))

    def _leave(self, trainer: pl.Trainer, save: bool) -> None:
        number = self.request.number or signal.SIGTERM  # another process's, where this one heard none
        if save and self.path is not None and self._finite(trainer):
            self._leaving = True
            trainer.save_checkpoint(self.path, weights_only=False)
        name = signal.Signals(number).name
        told = f"resume with: {self.command}" if self.stands() else "nothing was saved yet."
        rank_zero_info(f"\nstopped by {name}; {told}")
        if number == signal.SIGUSR1 and trainer.is_global_zero:
            self._requeue()
        raise Stopped(number)

    def _finite(self, trainer: pl.Trainer) -> bool:
        assert trainer.model is not None
        return all(bool(torch.isfinite(parameter).all()) for parameter in trainer.model.parameters())

    def _requeue(self) -> None:
        """Give the job back to SLURM, as Lightning does on that signal, if its command would resume."""
        if not self.requeue:
            rank_zero_info(
                "the job is not requeued, because its command would start from the beginning; add --ckpt_path auto "
                "to it."
            )
            return
        job = os.environ.get("SLURM_ARRAY_JOB_ID")
        name = f"{job}_{os.environ['SLURM_ARRAY_TASK_ID']}" if job else os.environ["SLURM_JOB_ID"]
        done = subprocess.run(["scontrol", "requeue", name], capture_output=True, text=True)
        if done.returncode:
            rank_zero_info(f"scontrol could not requeue job {name}: {done.stderr.strip()}")
