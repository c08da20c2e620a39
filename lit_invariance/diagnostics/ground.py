"""What the instruments are run on: the images of an evaluation, batch by batch, on the device."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from lit_invariance.data.annotated_boxes import AnnotatedBox
from lit_invariance.data.batch import Batch, Positioned, collate
from lit_invariance.data.source import Source
from lit_invariance.data.workers import WorkerLoader, begin_worker
from lit_invariance.evaluation.data import EvaluationData
from lit_invariance.results.outcomes import Outcomes


@dataclass(frozen=True)
class Ground:
    """What the instruments are run on.

    Attributes:
        data: The data set.
        outcomes: The evaluation's own, for `typicality`.
        device: Where networks run.
        images: How many of the evaluated images they look at, evenly spaced.
        boxes: The boxes, for `bias`.
        seed: Seed of all draws.
    """

    data: EvaluationData
    outcomes: Outcomes
    device: torch.device
    images: int
    boxes: Sequence[AnnotatedBox]
    seed: int

    def batches(self, source: Source, positions: Sequence[int]) -> "Moved":
        """Decoded images on the device, batch by batch."""
        loader = WorkerLoader(
            Positioned(source, positions),
            batch_size=32,
            num_workers=self.data.workers,
            collate_fn=collate,
            worker_init_fn=begin_worker,
        )
        return Moved(loader, self.device)

    def some(self) -> "Moved":
        """The chosen share of the evaluated images."""
        indices = self.outcomes.indices
        chosen = np.linspace(0, len(indices) - 1, min(self.images, len(indices))).round().astype(int)
        return self.batches(self.data.images.source, [int(index) for index in indices[chosen]])


class Moved:
    """The batches of a loader, on a device; may be gone through again and again."""

    def __init__(self, loader: "DataLoader[Any]", device: torch.device) -> None:
        self.loader, self.device = loader, device

    def __iter__(self) -> Any:
        """Move batch after batch."""
        for batch in self.loader:
            images = [image.to(self.device) for image in batch.images]
            yield Batch(images, batch.labels.to(self.device), batch.indices)
