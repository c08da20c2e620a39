"""An evaluation under the stopwatch: without its start, and beside its own executors on views that are ready."""

from collections.abc import Sequence
from types import TracebackType

import torch

from lit_invariance.data.batch import Batch, collate
from lit_invariance.data.workers import WorkerLoader, begin_worker
from lit_invariance.evaluation.data import EvaluationData
from lit_invariance.evaluation.executors import make_executor
from lit_invariance.evaluation.filling import Filling
from lit_invariance.evaluation.measurement import Measurement
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.plan import plan
from lit_invariance.evaluation.protocols import choose_protocols
from lit_invariance.evaluation.runner import make_trainer
from lit_invariance.execution.lanes import Lanes, lanes_of
from lit_invariance.protocols.window import sides
from lit_invariance.registry import Spec

DEVICE = torch.device("cpu")


class Engine:
    """Everything of an evaluation that is at work between its start and its tables.

    Args:
        models: The models.
        protocols: The protocols.
        data: The pictures.
        compiling: `true` or `false`.

    Attributes:
        views: Views that `evaluate` shows each model.
    """

    def __init__(
        self, models: Sequence[Model], protocols: Sequence[Spec], data: EvaluationData, compiling: str = "false"
    ) -> None:
        chosen = choose_protocols(protocols)
        tasks = plan(models, chosen)
        self.lanes = Lanes(lanes_of(DEVICE))
        self.views = len(data.images) * sum(len(task.protocol.steps) for task in tasks)
        self.executors = {model.name: make_executor(model, DEVICE) for model in models}
        order = [(model.name, choice.label) for choice in chosen for model in models]
        self.measurement = Measurement(self.executors, tasks, order, data.images, 0, self.lanes, compiling)
        self.loader = WorkerLoader(
            data.images,
            data.batch_size,
            num_workers=data.workers,
            collate_fn=collate,
            worker_init_fn=begin_worker,
            persistent_workers=data.workers > 0,  # their start is no part of a turn
        )
        self.measurement.trainer = make_trainer("cpu", 1, "32-true", progress=False)

    def __enter__(self) -> "Engine":
        self.lanes.__enter__()
        with torch.inference_mode():
            self.measurement.on_predict_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lanes.__exit__(kind, error, trace)

    def evaluate(self) -> None:
        """Evaluate all pictures: decode, render, classify, score."""
        self.measurement.parts.clear()
        with torch.inference_mode():
            batch: Batch
            for number, batch in enumerate(self.loader):
                self.measurement.predict_step(batch, number)
            self.measurement.on_predict_epoch_end()

    def answer(self) -> None:
        """Let the executors answer as many views, which are ready, in the same batches and lanes."""
        executors = list(self.executors.values())
        batch, size = executors[0].batch, executors[0].size
        ready = torch.rand(batch, 3, *sides(size))
        filling = Filling(self.lanes, self.lanes.count + 1)
        for start in range(0, self.views, batch):
            filling.show(executors, ready[: self.views - start], _drop)
        filling.flush()


def _drop(logits: Sequence[torch.Tensor]) -> None:
    """Do nothing with logits."""
