"""The LightningModule that shows every image to every model under every protocol."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.memory import garbage_collection_cuda
from torch import Tensor, nn

from lit_invariance.data.batch import Batch
from lit_invariance.errors import UserError
from lit_invariance.evaluation.memory import is_out_of_memory
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.plan import Task, plan
from lit_invariance.evaluation.protocols import ProtocolChoice
from lit_invariance.evaluation.recorder import Group, Recorder
from lit_invariance.protocols import generator_for
from lit_invariance.protocols.protocol import Box
from lit_invariance.results.outcomes import Cell, Outcomes

VIEWS_AT_ONCE = 64
Boxes = Mapping[int, Box | None]
"""Position in the data set to the object's box."""


class Measurement(pl.LightningModule):
    """Scores every image for every model under every protocol; run by `Trainer.predict`.

    Args:
        models: The models.
        protocols: The protocols.
        seed: Seed of the views.
        keep: Called with the measurements of each batch.
        draws: Draws of each image's geometry, over which its scores are averaged.

    Attributes:
        views_at_once: Maximum number of views in a forward pass; halved if they do not fit into memory.
        parts: What this process measured, batch by batch.
        mistake: What one of several processes found wrong. It is raised once all have met, since a process that waits
            for a dead one waits forever; a single process raises it at once.

    Raises:
        UserError: If a protocol refuses an option.
    """

    def __init__(
        self,
        models: Sequence[Model],
        protocols: Sequence[ProtocolChoice],
        seed: int,
        keep: Callable[[Outcomes], None] | None = None,
        draws: int = 1,
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList(model.classifier for model in models)
        self.tasks = plan(models, protocols)
        self.order: list[Cell] = [(model.name, choice.label) for choice in protocols for model in models]
        self.seed = seed
        self.draws = draws
        self.keep = keep
        self.views_at_once = VIEWS_AT_ONCE
        self.parts: list[Outcomes] = []
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
            recorder = self._measured(batch, self._boxes(batch))
            part = recorder.outcomes(batch.indices, batch.labels, self.order)
            if self.keep is not None:
                self.keep(part)
        except UserError as error:
            if self.trainer.world_size == 1:
                raise
            self.mistake = error
            return batch.indices
        self.parts.append(part)
        return batch.indices

    def _measured(self, batch: Batch, boxes: Boxes) -> Recorder:
        """Measure a batch with as many views at a time as fit into memory."""
        while True:
            recorder = Recorder()
            try:
                for task in self.tasks:
                    self._measure(task, batch, boxes, recorder)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._show_fewer()
            else:
                return recorder
            # Only here has the error let go of the tensors it was raised among.
            garbage_collection_cuda()

    def _show_fewer(self) -> None:
        if self.views_at_once == 1:
            raise UserError(
                f"one view of one image does not fit into the memory of {self.device} with these models; evaluate "
                "them one by one, or on another device with --accelerator."
            )
        print(f"out of memory with {self.views_at_once} views at a time; continuing with {self.views_at_once // 2}")
        self.views_at_once //= 2

    def _measure(self, task: Task, batch: Batch, boxes: Boxes, recorder: Recorder) -> None:
        for rows in _slices(len(batch.images), self.views_at_once // len(task.protocol.steps)):
            part = Batch(batch.images[rows], batch.labels[rows], batch.indices[rows])
            shown = [
                task.protocol.shown(image.shape[1], image.shape[2], boxes[index]) for image, index in _numbered(part)
            ]
            group = Group(part.labels, shown, len(task.protocol.steps))
            drawn = [self._logits(task, part, boxes, draw) for draw in range(self._draws(task, part, boxes))]
            for model, draws in zip(task.models, zip(*drawn, strict=True), strict=True):
                for logits in draws:
                    self._check_finite(logits, part, shown, model, task)
                recorder.add_logits((model.name, task.label), draws, group)

    def _draws(self, task: Task, group: Batch, boxes: Boxes) -> int:
        """How many draws of its geometry an image has: one under protocols that draw nothing."""
        if self.draws == 1:
            return 1
        for image, index in _numbered(group):
            generator = generator_for(self.seed, task.protocol.name, index)
            before = generator.get_state()
            for _ in task.protocol.parts(image, generator, self.views_at_once, boxes[index]):
                pass
            if not torch.equal(before, generator.get_state()):
                return self.draws
        return 1

    def _logits(self, task: Task, group: Batch, boxes: Boxes, draw: int) -> list[Tensor]:
        """For each model the logits of all views of a group of images, one after another, `(V, K)`."""
        parts: list[list[Tensor]] = [[] for _ in task.models]
        for views in self._views(task, group, boxes, draw):
            for model, logits in zip(task.models, parts, strict=True):
                logits.append(model.classifier(views).float())
        # Where the protocol passes all images over, there is nothing to classify.
        return [torch.cat(logits or [torch.empty(0, 1, device=group.labels.device)]) for logits in parts]

    def _views(self, task: Task, group: Batch, boxes: Boxes, draw: int) -> Iterator[Tensor]:
        """Make the views of a group `(V, C, S, S)`, at most `views_at_once` together."""
        stacks: list[Tensor] = []
        for image, index in _numbered(group):
            generator = generator_for(self.seed, task.protocol.name, index, draw)
            try:
                for part in task.protocol.parts(image, generator, self.views_at_once, boxes[index]):
                    stacks.append(part)
                    if len(task.protocol.steps) > self.views_at_once:
                        yield stacks.pop()
            except ValueError as error:
                raise UserError(f"protocol {task.label} cannot show {self._image_name(index)}: {error}") from error
        if stacks:
            yield torch.cat(stacks)

    def _check_finite(self, logits: Tensor, batch: Batch, shown: list[range], model: Model, task: Task) -> None:
        finite = torch.split(logits.isfinite().all(1), [len(steps) for steps in shown])
        if not all(stack.all() for stack in finite):
            spoilt = next(row for row, stack in enumerate(finite) if not stack.all())
            raise UserError(
                f"model {model.name} gives logits that are not finite under protocol {task.label} on "
                f"{self._image_name(int(batch.indices[spoilt]))}; its training diverged, or the precision is too low "
                "for it."
            )

    def _boxes(self, batch: Batch) -> Boxes:
        """Where the objects of a batch are, as far as the data set knows; each is a file, read here once."""
        loader: Any = self.trainer.predict_dataloaders
        return {index: loader.dataset.box(index) for index in batch.indices.tolist()}

    def _image_name(self, index: int) -> str:
        loader: Any = self.trainer.predict_dataloaders
        return str(loader.dataset.name(index))


def _numbered(batch: Batch) -> Iterator[tuple[Tensor, int]]:
    """Each image with its position in the data set."""
    return zip(batch.images, batch.indices.tolist(), strict=True)


def _slices(length: int, most: int) -> Iterator[slice]:
    step = max(1, most)
    return (slice(start, start + step) for start in range(0, length, step))
