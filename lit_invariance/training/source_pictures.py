"""Source pictures to measure on, in place of the validation batches."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from lit_invariance.data.batch import Batch, Positioned, collate
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.data.labelled_pictures import LabelledPictures
from lit_invariance.data.workers import WorkerLoader, begin_worker
from lit_invariance.training.choice import evenly

BATCH = 32
PictureData = str | Path | InvarianceData | Dataset[Any]


class SourcePictures:
    """Decoded pictures of any size, shared out over the processes.

    Args:
        data: A folder of class folders, an `InvarianceData`, whose validation images are taken, or a `Dataset` of (PIL
            image or uint8 tensor `(3, H, W)`, label).

    Raises:
        UserError: If it is none of them, or the folder cannot be read.
    """

    def __init__(self, data: PictureData) -> None:
        self.data: Any = data
        if isinstance(data, str | Path):
            self.data = InvarianceData("image_folder", root=str(data), val_fraction=1.0)
            self.data.validation_images()  # a wrong folder is reported before the training begins
        elif not isinstance(data, InvarianceData):
            self.data = Positioned(LabelledPictures(data))

    @cached_property
    def images(self) -> Positioned:
        """The pictures; those of an `InvarianceData` may have to be fetched first, so they are opened on first use."""
        images: Positioned = self.data.validation_images() if isinstance(self.data, InvarianceData) else self.data
        return images

    def batches(self, wanted: int, world: int, rank: int) -> Iterator[Batch]:
        """Load this process's share of the pictures that are measured.

        Args:
            wanted: The greatest number of pictures of all processes, evenly spaced over the set.
            world: Number of processes.
            rank: This process, from 0.

        Yields:
            Batches on the CPU.

        Raises:
            UserError: If a picture cannot be read.
        """
        chosen = evenly(self.images.positions, wanted)[rank::world]
        workers = self.data.workers if isinstance(self.data, InvarianceData) else 0
        yield from WorkerLoader(
            Positioned(self.images.source, chosen),
            batch_size=BATCH,
            collate_fn=collate,
            num_workers=workers,
            worker_init_fn=begin_worker,
        )
