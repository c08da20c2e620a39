"""The LightningModule that shows every image to every model under every protocol."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from lit_invariance.data.batch import Batch, Positioned
from lit_invariance.errors import UserError
from lit_invariance.evaluation.filling import Filling
from lit_invariance.evaluation.job import Job, Part
from lit_invariance.evaluation.plan import Task
from lit_invariance.evaluation.recorder import Group
from lit_invariance.evaluation.rendering import Boxes, Renderer
from lit_invariance.execution.executor import Executor
from lit_invariance.execution.lanes import Lanes
from lit_invariance.results.outcomes import Cell, Outcomes

GROUP = 64
"""Views whose logits are scored together."""


class Measurement(pl.LightningModule):
    """Scores every image for every model under every protocol; run by `Trainer.predict`.

    Images stream through: their views fill batches across images, protocols and batches of images, so that the networks
    always see full ones, and while lanes compute, the next views are made. An image is recorded when its last view is
    answered, which may be during a later step.

    Args:
        executors: Model name to what runs it.
        tasks: What is shown to which models.
        order: Models and protocols in the order of the tables.
        images: The data set.
        seed: Seed of the views.
        lanes: Where the executors run; open.
        compiling: As in `Executor.speed_up`.
        keep: Called with the measurements of each batch.
        draws: Draws of each image's geometry, over which its scores are averaged.
        embedding: Whether the features behind the logits are scored as well.

    Attributes:
        parts: What this process measured, batch by batch.
        mistake: What one of several processes found wrong. It is raised once all have met, since a process that waits
            for a dead one waits forever; a single process raises it at once.
    """

    def __init__(
        self,
        executors: Mapping[str, Executor],
        tasks: Sequence[Task],
        order: Sequence[Cell],
        images: Positioned,
        seed: int,
        lanes: Lanes,
        compiling: str = "false",
        keep: Callable[[Outcomes], None] | None = None,
        draws: int = 1,
        embedding: bool = False,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.networks = nn.ModuleList(executors.values())
        self.executors, self.tasks, self.order, self.images = dict(executors), tasks, order, images
        self.lanes, self.compiling, self.draws, self.keep = lanes, compiling, draws, keep
        self.renderer = Renderer(images, seed)
        self.filling = Filling(lanes, 0)
        self.parts: list[Outcomes] = []
        self.mistake: UserError | None = None

    def on_predict_start(self) -> None:
        """Make the networks ready, now that they are on their device."""
        at_once = self.lanes.count == 1 and self.device.type == "cpu"
        self.filling = Filling(self.lanes, 0 if at_once else self.lanes.count + 1)
        for name, executor in self.executors.items():
            executor.open(self.lanes.count, self.trainer.precision_plugin.forward_context)
            executor.speed_up(self.compiling, self._views_for(name), name)

    def _views_for(self, model: str) -> int:
        """How many views a lane of this process shows a model."""
        views = sum(len(task.protocol.steps) for task in self.tasks if any(each.name == model for each in task.models))
        return views * self.draws * len(self.images) // (self.trainer.world_size * self.lanes.count)

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Show a batch of decoded images.

        Args:
            batch: The images.
            batch_idx: Its number.

        Returns:
            Their positions `(N,)`; Lightning warns of a step that returns nothing.

        Raises:
            UserError: If an image is too small for a protocol, or logits are not finite.
        """
        self._without_mistake(partial(self._show, batch))
        return batch.indices

    def on_predict_epoch_end(self) -> None:
        """Answer what is left, which does not fill a batch."""
        self._without_mistake(self.filling.flush)

    def record_what_is_answered(self) -> None:
        """Record what is under way where the evaluation is stopped, so that it need not be answered again."""
        if self.mistake is None:
            with suppress(UserError):  # of two mistakes the first one counts
                self.filling.drain()

    def _without_mistake(self, do: Callable[[], None]) -> None:
        if self.mistake is not None:
            return
        try:
            do()
        except UserError as error:
            if self.trainer.world_size == 1:
                raise
            self.mistake = error

    def _show(self, batch: Batch) -> None:
        boxes = {index: self.images.box(index) for index in batch.indices.tolist()}  # each is a file, read once
        slices = [(task, rows) for task in self.tasks for rows in _slices(len(batch.images), task)]
        part = Part(batch.indices, batch.labels, len(slices), self._keep, self.order)
        for task, rows in slices:
            self._show_some(part, task, Batch(batch.images[rows], batch.labels[rows], batch.indices[rows]), boxes)

    def _keep(self, outcomes: Outcomes) -> None:
        if self.keep is not None:
            self.keep(outcomes)
        self.parts.append(outcomes)

    def _show_some(self, part: Part, task: Task, some: Batch, boxes: Boxes) -> None:
        numbered = list(zip(some.images, some.indices.tolist(), strict=True))
        shown = [
            task.protocol.of_file(self.images.file(index)).shown(image.shape[1], image.shape[2], boxes[index])
            for image, index in numbered
        ]
        draws = self._draws(task, numbered, boxes)
        group = Group(some.labels, shown, len(task.protocol.steps), task.protocol.against_first)
        executors = [self.executors[model.name] for model in task.models]
        features = [executor.features for executor in executors] if self.embedding else None
        job = Job(part, task, group, draws, lambda row: self.images.name(numbered[row][1]), features)
        if not job.views:
            self.filling.show(executors, torch.empty(0), partial(job.take, 0))
            return
        for draw in range(draws):
            for views in self.renderer.several(task, numbered, boxes, draw):
                self.filling.show(executors, views, partial(job.take, draw))

    def _draws(self, task: Task, numbered: Sequence[tuple[Tensor, int]], boxes: Boxes) -> int:
        """How many draws of its geometry an image has: one under protocols that draw nothing."""
        if self.draws == 1:
            return 1
        drawn = any(self.renderer.draws_anything(task, image, index, boxes[index]) for image, index in numbered)
        return self.draws if drawn else 1


def _slices(images: int, task: Task) -> Iterator[slice]:
    step = max(1, GROUP // len(task.protocol.steps))
    return (slice(start, start + step) for start in range(0, images, step))
