"""What `data` may be, brought to one form: pictures that can be reached by position."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningDataModule
from pytorch_lightning.utilities import rank_zero_only
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler, SequentialSampler

from lit_invariance.data.batch import Positioned
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.data.kinds import PREFIXES, dataset_at
from lit_invariance.data.labelled_pictures import LabelledPictures
from lit_invariance.data.source import Source
from lit_invariance.data.subset import random_positions
from lit_invariance.errors import UserError
from lit_invariance.evaluation.data import EvaluationData
from lit_invariance.evaluation.models import PUBLISHED_CLASSES

AnyData = str | Path | Dataset[Any] | Sequence[tuple[Any, int]] | DataLoader[Any] | LightningDataModule


def open_data(
    data: AnyData, outputs: int | None, max_images: int | None, num_workers: int | None, seed: int
) -> EvaluationData:
    """Open what the user gave.

    Args:
        data: As in `evaluate`.
        outputs: Number of outputs of the models, as far as it is known before they are loaded.
        max_images: Number of pictures to evaluate, None for all; an `InvarianceData` says it itself.
        num_workers: Processes that decode; None for the usual number.
        seed: Names the choice of pictures.

    Raises:
        UserError: If it is nothing that pictures can be taken from, or the folder cannot be read.
    """
    if isinstance(data, str | Path):
        options: dict[str, Any] = {"val_fraction": 1.0, "max_images": max_images, "num_workers": num_workers}
        text = str(data)
        named = text.startswith(tuple(PREFIXES))
        data = InvarianceData(text if named else dataset_at(text), root=None if named else text, seed=seed, **options)
    if isinstance(data, InvarianceData):
        rank_zero_only(data.prepare_data)()
        if not data.class_names:  # nobody but the models says how many classes there are
            outputs = outputs or PUBLISHED_CLASSES
        with suppress(UserError):  # folders of synsets may have the models' number of classes; others fail below
            data.check_classes(outputs)
        return EvaluationData.of(data)
    if isinstance(data, LightningDataModule):
        data = _validation_loader(data)
    if not isinstance(data, DataLoader):
        # A list of pairs is a data set for all that a loader does.
        data = DataLoader(data, batch_size=None, num_workers=num_workers or 0)  # type: ignore[arg-type]
    return _of_loader(data, outputs, max_images, seed)


def _validation_loader(data: LightningDataModule) -> DataLoader[Any]:
    data.prepare_data()
    data.setup("validate")
    loader = data.val_dataloader()
    if isinstance(loader, Sequence) and len(loader) == 1:
        (loader,) = loader
    if not isinstance(loader, DataLoader):
        raise UserError(
            f"{type(data).__name__} does not have exactly one validation DataLoader; give the one to evaluate on."
        )
    return loader


def _of_loader(loader: DataLoader[Any], outputs: int | None, max_images: int | None, seed: int) -> EvaluationData:
    """Take the data set of a loader: batches are made here, of pictures of any size."""
    dataset = loader.dataset
    if isinstance(dataset, IterableDataset):
        raise UserError(f"{type(dataset).__name__} has no positions; give a data set with a length and positions.")
    names = _class_names(dataset)
    # Names that are fewer than a network's outputs mean labels that are not the numbers of its outputs.
    classes = len(names or ()) or outputs or PUBLISHED_CLASSES
    source, positions = LabelledPictures(dataset, classes), _positions(loader)
    if not positions:
        raise UserError(f"there are no pictures in {type(dataset).__name__}; give at least one.")
    chosen = random_positions(len(positions), max_images, seed)
    if chosen is not None:
        positions = [positions[place] for place in chosen]
    return EvaluationData(
        images=Positioned(source, positions),
        class_names=names,
        described={
            "dataset": type(dataset).__name__,
            "root": None if getattr(dataset, "root", None) is None else str(dataset.root),  # type: ignore[attr-defined]
            "max_images": max_images,
            "classes": classes,
            "imagenet_validation": False,
        },
        load_training=_no_training,
        batch_size=loader.batch_size or 32,
        workers=loader.num_workers,
    )


def _class_names(dataset: Dataset[Any]) -> list[str] | None:
    """What torchvision's data sets call `classes`."""
    names = getattr(dataset, "classes", None)
    return [str(name) for name in names] if isinstance(names, Sequence) and names else None


def _positions(loader: DataLoader[Any]) -> Sequence[int]:
    """The positions that a loader visits, in their own order; all of them but for samplers of a part."""
    sampler: Any = loader.sampler
    if isinstance(sampler, SequentialSampler | RandomSampler):
        return range(len(loader.dataset))  # type: ignore[arg-type]
    return sorted({int(position) for position in sampler})


def _no_training() -> Source:
    raise UserError("typicality compares with training images, but these data have none; leave typicality out.")
