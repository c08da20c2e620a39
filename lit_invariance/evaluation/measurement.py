"""The LightningModule that shows every image to every model under every protocol."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from lit_invariance.data.batch import Batch
from lit_invariance.errors import UserError
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.outcomes import Column, Outcomes
from lit_invariance.evaluation.protocols import ProtocolChoice
from lit_invariance.metrics import SCORES
from lit_invariance.protocols import Protocol, views_of

VIEWS_AT_ONCE = 64


@dataclass(frozen=True)
class Task:
    """Views that several models share.

    Attributes:
        label: The protocol's label in the results.
        protocol: What makes the views.
        models: The models that take them.
    """

    label: str
    protocol: Protocol
    models: list[Model]


def plan(models: Sequence[Model], protocols: Sequence[ProtocolChoice]) -> list[Task]:
    """Group the models by the views they need, so that each distinct stack is made once.

    Args:
        models: The models.
        protocols: The protocols.

    Raises:
        UserError: If a protocol refuses an option.
    """
    tasks: list[Task] = []
    for choice in protocols:
        sharing: dict[Protocol, list[Model]] = {}
        for model in models:
            protocol = choice.build(model.classifier.image_size, model.classifier.mean)
            sharing.setdefault(protocol, []).append(model)
        tasks += [Task(choice.label, protocol, together) for protocol, together in sharing.items()]
    return tasks


class Measurement(pl.LightningModule):
    """Scores every image for every model under every protocol; run by `Trainer.predict`.

    Args:
        models: The models.
        protocols: The protocols.
        seed: Seed of the views.

    Attributes:
        mistake: What one of several processes found wrong. It is raised once all have met, since a process that waits
            for a dead one waits for ever; a single process raises it at once.

    Raises:
        UserError: If a protocol refuses an option.
    """

    def __init__(self, models: Sequence[Model], protocols: Sequence[ProtocolChoice], seed: int) -> None:
        super().__init__()
        self.networks = nn.ModuleList(model.classifier for model in models)
        self.tasks = plan(models, protocols)
        self.order = [(model.name, choice.label) for choice in protocols for model in models]
        self.seed = seed
        self.positions: list[Tensor] = []
        self.labels: list[Tensor] = []
        self.scores: dict[Column, list[Tensor]] = {}
        self.mistake: UserError | None = None

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Measure a batch of decoded images.

        Args:
            batch: The images.
            batch_idx: Its number.

        Returns:
            Their positions `(N,)`; Lightning warns of a step that returns nothing.

        Raises:
            UserError: If an image is too small for a protocol, or logits are not finite.
        """
        if self.mistake is not None:
            return batch.indices
        try:
            for task in self.tasks:
                self._measure(task, batch)
        except UserError as error:
            if self.trainer.world_size == 1:
                raise
            self.mistake = error
        self.positions.append(batch.indices.cpu())
        self.labels.append(batch.labels.cpu())
        return batch.indices

    def _measure(self, task: Task, batch: Batch) -> None:
        for rows in _slices(len(batch.images), VIEWS_AT_ONCE // len(task.protocol.steps)):
            part = Batch(batch.images[rows], batch.labels[rows], batch.indices[rows])
            views = self._views(task, part)
            for model in task.models:
                logits = self._logits(model, views)
                self._check_finite(logits, part, model, task)
                for name, score in SCORES.items():
                    if score.views <= views.shape[1]:
                        values = score.function(logits, part.labels).cpu().double()
                        self.scores.setdefault((model.name, task.label, name), []).append(values)

    def _views(self, task: Task, batch: Batch) -> Tensor:
        stacks = []
        for row in _slices(len(batch.images), 1):
            try:
                stacks.append(views_of(task.protocol, batch.images[row], batch.indices[row], self.seed))
            except ValueError as error:
                image = self._image_name(int(batch.indices[row]))
                raise UserError(f"protocol {task.label} cannot show {image}: {error.__cause__ or error}") from error
        return torch.cat(stacks)

    def _logits(self, model: Model, views: Tensor) -> Tensor:
        flat = views.flatten(0, 1)
        parts = [model.classifier(flat[rows]).float() for rows in _slices(len(flat), VIEWS_AT_ONCE)]
        return torch.cat(parts).view(*views.shape[:2], -1)

    def _check_finite(self, logits: Tensor, batch: Batch, model: Model, task: Task) -> None:
        finite = logits.isfinite().flatten(1).all(1)
        if not finite.all():
            image = self._image_name(int(batch.indices[finite.logical_not()][0]))
            raise UserError(
                f"model {model.name} gives logits that are not finite under protocol {task.label} on {image}; "
                "its training diverged, or the precision is too low for it."
            )

    def _image_name(self, index: int) -> str:
        """The file of an image where it has one, else its position."""
        loader: Any = self.trainer.predict_dataloaders
        paths = getattr(loader.dataset.source, "paths", None)
        return f"image {index}" if paths is None else f"image {index} ({paths[index]})"

    def outcomes(self) -> Outcomes | None:
        """Return what this process measured; None where it got no image."""
        if not self.positions:
            return None
        columns = {
            (model, protocol, score): _joined(self.scores[model, protocol, score])
            for model, protocol in self.order
            for score in SCORES
            if (model, protocol, score) in self.scores
        }
        return Outcomes(_joined(self.positions), _joined(self.labels), columns)


def _joined(parts: list[Tensor]) -> np.ndarray[Any, Any]:
    return torch.cat(parts).numpy()


def _slices(length: int, most: int) -> Iterator[slice]:
    step = max(1, most)
    return (slice(start, start + step) for start in range(0, length, step))
