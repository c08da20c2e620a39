"""What TensorBoard shows besides curves: pictures of a fixed set of images, the hparams tab, throughput."""

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor

from lit_invariance.data.batch import Positioned
from lit_invariance.plotting import drawn
from lit_invariance.protocols import views_of
from lit_invariance.registry import parse_spec
from lit_invariance.training.answers import answers
from lit_invariance.training.classifier import LitClassifier
from lit_invariance.training.invariance_callback import VIEWS_SEED
from lit_invariance.training.probe import probability_figure, views_picture

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter  # takes half a second, which --help need not

IMAGES = 8
MOST_VIEWS = 256  # of all images together
# Pictures may take so much of the time since the last ones.
SHARE = 0.02
FIRST_GUESS = 0.2  # seconds, before anything was drawn
FINAL = ("val/acc", "val/top1_change", "val/mean_absolute_change", "val/agreement")


class ProbePictures(Callback):
    """Show a fixed set of validation images: their views with the answers, and the true class's probability.

    The images are 8, spaced evenly over the validation set, fewer where the protocol has many views. They are shown
    under the model's `invariance_protocol`, after the first epoch, every few epochs and after the last one; an epoch
    that is so short that drawing would take more than 2 % of the time is passed over, the last one excepted. Nothing is
    drawn from a shared random generator, and no number changes.

    Args:
        every: Number of epochs from one picture to the next.
    """

    def __init__(self, every: int = 5) -> None:
        self.every = every
        self._probe: tuple[Tensor, Tensor] | None = None
        self._epoch: int | None = None
        self._cost, self._since, self._drawn = FIRST_GUESS, 0.0, -1

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to count the time."""
        self._since = time.monotonic()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw if it is time to, and cheap enough."""
        start = time.monotonic()
        # Counted from the last drawing, because a trainer may validate at some epochs only.
        due = self._epoch is None or trainer.current_epoch - self._epoch >= self.every
        if due and not trainer.sanity_checking and self._cost <= SHARE * (start - self._since):
            self._epoch = trainer.current_epoch
            self._draw(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw what came out at last."""
        if self._drawn < trainer.global_step:
            self._draw(trainer, pl_module)

    def _draw(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        writer = _writer(trainer)
        if writer is None or not isinstance(module, LitClassifier) or not len(_images(trainer)):
            return
        start = time.monotonic()
        drawn("what TensorBoard shows", lambda: self._show(trainer, module, writer))
        self._drawn, self._since = trainer.global_step, time.monotonic()
        self._cost = self._since - start

    def _show(self, trainer: pl.Trainer, module: LitClassifier, writer: "SummaryWriter") -> None:
        if self._probe is None:
            self._probe = _probe_views(trainer, module)
        views, labels = self._probe
        probabilities = answers(trainer, module, views.to(module.device)).cpu().softmax(-1)
        names = trainer.datamodule.class_names  # type: ignore[attr-defined]
        step = trainer.global_step
        writer.add_image("views/pictures", views_picture(views, probabilities, labels, names), step)
        figure = probability_figure(module.protocol.steps, module.protocol.unit, probabilities, labels, names)
        writer.add_figure("views/probability_against_shift", figure, step, close=False)


class Hyperparameters(Callback):
    """Fill TensorBoard's hparams tab with what was done and what came of it, so that mitigations can be compared."""

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the settings beside the last epoch's accuracy and stability."""
        writer, measured = _writer(trainer), trainer.callback_metrics
        if writer is None:
            return
        metrics = {
            f"val/final_{name.removeprefix('val/')}": float(measured[name]) for name in FINAL if name in measured
        }
        data = {} if trainer.datamodule is None else trainer.datamodule.hparams  # type: ignore[attr-defined]
        from torch.utils.tensorboard.summary import hparams

        for part in hparams(_described(pl_module.hparams, data), metrics):  # type: ignore[no-untyped-call]
            writer._get_file_writer().add_summary(part)  # type: ignore[no-untyped-call]
        for name, value in metrics.items():
            writer.add_scalar(name, value, trainer.global_step)


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
        pl_module.log("train/images_per_second", self._images * trainer.world_size / max(seconds, 1e-9))


def _writer(trainer: pl.Trainer) -> "SummaryWriter | None":
    """TensorBoard's writer, in the process that has one."""
    if not trainer.is_global_zero:
        return None
    return next((logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)), None)


def _images(trainer: pl.Trainer) -> Positioned:
    images: Positioned = trainer.datamodule.validation_images()  # type: ignore[attr-defined]
    return images


def _probe_views(trainer: pl.Trainer, module: LitClassifier) -> tuple[Tensor, Tensor]:
    """Decode the images and make their views once, `(N, T, C, S, S)` and labels `(N,)`, both on the CPU."""
    images = _images(trainer)
    count = min(len(images), IMAGES, max(1, MOST_VIEWS // len(module.protocol.steps)))
    samples = [images[number * len(images) // count] for number in range(count)]
    pictures, labels, positions = zip(*samples, strict=True)
    return views_of(module.protocol, pictures, torch.tensor(positions), VIEWS_SEED), torch.tensor(labels)


def _described(model: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that runs differ in, as words and numbers; TensorBoard shows the first five of the alphabet."""
    mitigations = [parse_spec("mitigation", spec) for spec in model["mitigations"] or []]
    if data.get("translation"):
        mitigations.append(("translation", data["translation"]))
    return {
        "mitigations": "+".join(name for name, _ in mitigations) or "none",
        "mitigation_options": "; ".join(f"{name} {options}" for name, options in mitigations if options) or "none",
        "backbone": model["backbone"],
        "weights": str(model["weights"]),
        "dataset": str(data.get("dataset", "unknown")),
        "optimizer": model["optimizer"],
        "lr": float(model["lr"]),
        "weight_decay": float(model["weight_decay"]),
        "seed": int(os.environ.get("PL_GLOBAL_SEED", -1)),  # where Lightning leaves it
    }
