"""The data of an evaluation: labelled pictures, and how they are loaded."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from lit_invariance.data.batch import Positioned, collate
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.data.source import Source
from lit_invariance.data.synsets import is_imagenet_validation
from lit_invariance.data.unpadded_sampler import UnpaddedSampler
from lit_invariance.data.workers import WorkerLoader, begin_worker
from lit_invariance.names import printable

# What a data set is, as opposed to how it is loaded or augmented.
# fmt: off
DESCRIBING = (
    "dataset", "root", "val_root", "val_fraction", "image_size", "seed", "shapes", "max_images", "boxes", "class_map",
)
# fmt: on


@dataclass(frozen=True)
class EvaluationData:
    """Labelled pictures to evaluate on.

    Attributes:
        images: The pictures, decoded when asked for.
        class_names: One name per output of a network; None if they have no names.
        compared_names: Those of them that a model's own are compared with; None where the user says that they agree.
        labelled: Whether the classes of the pictures are known.
        described: Description of the data for the results.
        load_training: Returns the images that the models were trained on; raises `UserError` where there are none.
        batch_size: Images decoded together.
        workers: Processes that decode.
    """

    images: Positioned
    class_names: list[str] | None
    described: Mapping[str, Any]
    load_training: Callable[[], Source]
    batch_size: int
    workers: int
    compared_names: list[str] | None = None
    labelled: bool = True

    def describe(self) -> str:
        """Say which images are evaluated, how many, and from where."""
        chosen, source = len(self.images), self.images.source
        return f"data: {'' if chosen == len(source) else f'{chosen} of '}{source.about}"

    @classmethod
    def of(cls, data: InvarianceData) -> "EvaluationData":
        """Take the validation images of a DataModule of this project."""
        images, options = data.validation_images(), data.hparams
        return cls(
            images=images,
            class_names=data.class_names,
            described={
                **{name: _shown(options[name]) for name in DESCRIBING},
                "classes": data.num_classes,
                **({} if data.labelled else {"labelled": False}),
                "imagenet_validation": is_imagenet_validation(data.validation.paths or ()),
            },
            load_training=data.training_images,
            batch_size=options["val_batch_size"] or options["batch_size"],
            workers=data.workers,
            compared_names=data.class_names if options["class_map"] is None and data.labelled else None,
            labelled=data.labelled,
        )


def _shown(value: Any) -> Any:
    return printable(value) if isinstance(value, str) else value


class Loading(pl.LightningDataModule):
    """Shows a Trainer each image exactly once over all its processes.

    Args:
        data: The images.
        done: Positions of those that need not be shown.
    """

    def __init__(self, data: EvaluationData, done: Collection[int] = ()) -> None:
        super().__init__()
        self.data = data
        images = data.images
        self.images = Positioned(images.source, [place for place in images.positions if place not in done])

    def predict_dataloader(self) -> DataLoader[Any]:
        """Return the loader of this process's share of the images; its batches are `Batch`."""
        world, rank = (1, 0) if self.trainer is None else (self.trainer.world_size, self.trainer.global_rank)
        return WorkerLoader(
            self.images,
            batch_size=self.data.batch_size,
            num_workers=self.data.workers,
            sampler=UnpaddedSampler(self.images, world, rank),
            collate_fn=collate,
            worker_init_fn=begin_worker,
            pin_memory=torch.cuda.is_available(),
        )
