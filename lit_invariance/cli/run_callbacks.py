"""The callbacks of every training run."""

from typing import Any

from pytorch_lightning.callbacks import Callback, ModelSummary

from lit_invariance.cli.run_folder import RunFolder
from lit_invariance.cli.signals import StopRequest
from lit_invariance.cli.stopping import Stopping
from lit_invariance.training.checkpoint_files import Best, Last, RunIdentity
from lit_invariance.training.finite_loss import FiniteLoss
from lit_invariance.training.hyperparameters import Hyperparameters
from lit_invariance.training.loop_counters import Counters
from lit_invariance.training.network_size import NetworkSize
from lit_invariance.training.probe_pictures import ProbePictures
from lit_invariance.training.progress import progress
from lit_invariance.training.rates import LearningRate, Throughput
from lit_invariance.training.restored import Restored
from lit_invariance.training.step_seeds import StepSeeds


class RunCallbacks:
    """The callbacks of a run; the command reads or sets some of them later.

    Args:
        folder: Where the run's files are.
        keeps_checkpoints: Whether the run writes checkpoints.
        ckpt_path: The checkpoint that the run resumes from; None for a fresh start.
        resume_command: The command that resumes the run.
        requeue: Whether the same command resumes the training, so that a SLURM job can be requeued.

    Attributes:
        restored: Tells whether the checkpoint could be restored.
        stopping: Stops the training on a signal.
        best: Keeps the best checkpoint.
    """

    def __init__(
        self, folder: RunFolder, keeps_checkpoints: bool, ckpt_path: str | None, resume_command: str, requeue: bool
    ) -> None:
        path = folder.last if keeps_checkpoints else None
        self.restored = Restored(ckpt_path)
        self.stopping = Stopping(StopRequest(), path, resume_command, lambda: folder.stands, requeue)
        self.best, self._last = Best(folder.checkpoints), Last(folder.checkpoints)
        self._keeps_checkpoints = keeps_checkpoints

    def around(self, given: Any, bar: bool, size: bool, validates: bool) -> list[Callback]:
        """Return all callbacks in their order.

        Args:
            given: The user's: None, one, or a list.
            bar: Whether a progress bar is wanted.
            size: Whether the size of the network is to be told.
            validates: Whether there is a validation, on which the best checkpoint is chosen.
        """
        users = given if isinstance(given, list) else [given] if given else []
        callbacks = [self.restored, *users, *progress(bar), LearningRate()]
        if size and not any(isinstance(one, ModelSummary) for one in users):
            callbacks.append(NetworkSize())
        callbacks += [FiniteLoss(), Throughput(), ProbePictures(), Hyperparameters()]
        callbacks += [StepSeeds(), Counters(), RunIdentity(), self.stopping]
        if self._keeps_checkpoints:
            callbacks += [self.best, self._last] if validates else [self._last]
        return callbacks
