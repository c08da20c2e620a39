"""Pictures of a fixed set of validation images while a network trains, for every logger that can show pictures."""

import time
from collections.abc import Sequence

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger
from torch import Tensor

from lit_invariance.data.batch import Positioned
from lit_invariance.data.source import UNLABELLED
from lit_invariance.plotting import drawn
from lit_invariance.protocols import views_of
from lit_invariance.training.answers import answers
from lit_invariance.training.classifier import LitClassifier
from lit_invariance.training.invariance_callback import VIEWS_SEED
from lit_invariance.training.log_picture import log_picture, shows_pictures
from lit_invariance.training.probe import probability_figure, rendered, views_picture

IMAGES = 8
MOST_VIEWS = 256  # of all images together
# Pictures may take so much of the time since the last ones.
SHARE = 0.02
FIRST_GUESS = 0.2  # seconds, before anything was drawn


class ProbePictures(Callback):
    """Show a fixed set of validation images: their views with the answers, and the true class's probability.

    Every logger that can show pictures gets them.

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
        loggers = [logger for logger in trainer.loggers if shows_pictures(logger)] if trainer.is_global_zero else []
        if not loggers or not isinstance(module, LitClassifier) or not len(_images(trainer)):
            return
        start = time.monotonic()
        drawn("the pictures of the loggers", lambda: self._show(trainer, module, loggers))
        self._drawn, self._since = trainer.global_step, time.monotonic()
        self._cost = self._since - start

    def _show(self, trainer: pl.Trainer, module: LitClassifier, loggers: Sequence[Logger]) -> None:
        if self._probe is None:
            self._probe = _probe_views(trainer, module)
        views, labels = self._probe
        probabilities = answers(trainer, module, views.to(module.device)).cpu().softmax(-1)
        whose = "true class"
        if (labels == UNLABELLED).all():
            labels, whose = probabilities[:, 0].argmax(-1), "first view's answer"
        names = trainer.datamodule.class_names  # type: ignore[attr-defined]
        step = trainer.global_step
        figure = probability_figure(module.protocol.steps, module.protocol.unit, probabilities, labels, names, whose)
        pictures = {
            "views/pictures": views_picture(views, probabilities, labels, names),
            "views/probability_against_shift": rendered(figure),
        }
        for logger in loggers:
            for tag, picture in pictures.items():
                log_picture(logger, tag, picture, step)


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
