"""A job: the views of a few images under one task, on their way from the protocol to the record."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lit_invariance.errors import UserError
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.plan import Task
from lit_invariance.evaluation.recorder import Group, Recorder
from lit_invariance.results.outcomes import Cell, Outcomes


class Part:
    """What is measured of one batch of images; complete when its last job is.

    Args:
        positions: `(N,)`, the images' positions in the data set.
        labels: `(N,)`.
        jobs: Number of jobs.
        keep: Called with the measurements once all jobs are done.
        order: The cells in the order of the tables.
    """

    def __init__(
        self, positions: Tensor, labels: Tensor, jobs: int, keep: Callable[[Outcomes], None], order: Sequence[Cell]
    ) -> None:
        self.recorder = Recorder()
        self.positions, self.labels, self.keep, self.order = positions, labels, keep, order
        self._left = jobs

    def job_done(self) -> None:
        """Count a job as done."""
        self._left -= 1
        if not self._left:
            self.keep(self.recorder.outcomes(self.positions, self.labels, self.order))


class Job:
    """Gathers the logits of some images' views and records them when they are complete.

    Args:
        part: What the images belong to.
        task: What they are shown under.
        group: Their labels and views.
        draws: How often their geometry is drawn.
        name: From the number of an image among them to what it is called.
        features: Number of features behind the logits of each model; None where features are not measured.
    """

    def __init__(
        self,
        part: Part,
        task: Task,
        group: Group,
        draws: int,
        name: Callable[[int], str],
        features: Sequence[int] | None = None,
    ) -> None:
        self.part, self.task, self.group, self.name, self.features = part, task, group, name, features
        self.views = sum(len(steps) for steps in group.shown)
        self._logits: list[list[list[Tensor]]] = [[[] for _ in task.models] for _ in range(draws)]
        self._awaited = self.views * draws

    def take(self, draw: int, logits: Sequence[Tensor]) -> None:
        """Take the next logits of a draw, `(n, K)` for each model, or nothing where there are no views.

        Features stand behind the logits where they are measured.

        Raises:
            UserError: If some are not finite.
        """
        for gathered, answered in zip(self._logits[draw], logits, strict=bool(logits)):
            gathered.append(answered)
        self._awaited -= len(logits[0]) if logits else 0
        if not self._awaited:
            self._record()

    def _record(self) -> None:
        for number, model in enumerate(self.task.models):
            features = 0 if not self.features else self.features[number]
            draws = [self._joined(drawn[number], model, features) for drawn in self._logits]
            for logits in draws:
                self._check_finite(logits, model.name)
            self._record_answers((model.name, self.task.label), draws, features)
        self._logits = []
        self.part.job_done()

    def _joined(self, logits: Sequence[Tensor], model: Model, features: int) -> Tensor:
        """All logits of a draw; of images without views none, as wide as the others so that the same is scored."""
        if logits:
            return torch.cat(list(logits))
        return torch.empty(0, model.outputs + features, device=self.group.labels.device)

    def _record_answers(self, cell: Cell, draws: Sequence[Tensor], features: int) -> None:
        logits = [answered[:, : answered.shape[1] - features] for answered in draws]
        self.part.recorder.add_logits(cell, logits, self.group)
        if self.features is not None:
            behind = [answered[:, answered.shape[1] - features :] for answered in draws] if features else None
            self.part.recorder.add_features(cell, behind, self.group)

    def _check_finite(self, logits: Tensor, model: str) -> None:
        if bool(logits.isfinite().all()):
            return
        stacks = torch.split(logits.isfinite().all(1), [len(steps) for steps in self.group.shown])
        spoilt = next(row for row, stack in enumerate(stacks) if not stack.all())
        raise UserError(
            f"model {model} gives logits that are not finite under protocol {self.task.label} on "
            f"{self.name(spoilt)}; its training diverged, or the precision is too low for it."
        )
