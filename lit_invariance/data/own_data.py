"""Data sets of a user's own code: `python:package.module:factory` or `python:path/file.py:factory`."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from pytorch_lightning import LightningDataModule
from pytorch_lightning.utilities import rank_zero_only
from torch.utils.data import DataLoader, IterableDataset, Subset

from lit_invariance.data.labelled_pictures import LabelledPictures
from lit_invariance.data.source import Source, Splits
from lit_invariance.errors import UserError
from lit_invariance.names import printable
from lit_invariance.user_code.calling import UserCode
from lit_invariance.user_code.importing import PYTHON, load_object


def load_own(
    name: str,
    options: Mapping[str, Any],
    val_fraction: float = 0.1,
    seed: int = 0,
    outputs: int | None = None,
) -> Splits:
    """Call a user's factory, and take the pictures of what it returns.

    Args:
        name: `python:` and the factory, see `load_object`. It returns a `LightningDataModule`, whose loaders' data sets
            are taken, or `{"train": ..., "val": ...}` of data sets, or one data set. A data set has a length and gives
            pairs as `LabelledPictures` takes them, neither cropped nor normalised.
        options: Arguments of the factory.
        val_fraction: Share of the images for validation if there is one data set only.
        seed: Names that share.
        outputs: Number of outputs of the model, where it is known.

    Returns:
        The two splits. Classes are named by the data set's `classes`, if it has them, else by their numbers.

    Raises:
        UserError: If the code cannot be imported or fails, or returns something else.
    """
    made = _made(name, options)
    train: Callable[[], Any] | None
    if isinstance(made, LightningDataModule):
        train, val = _of_module(made, name)
    elif isinstance(made, Mapping):
        if "val" not in made or not made.keys() <= {"train", "val"}:
            raise UserError(f"{printable(name)} returned a mapping with other keys than train and val; name them so.")
        train, val = (partial(made.__getitem__, "train") if "train" in made else None), made["val"]
    else:
        train, val = _share(made, name, val_fraction, seed)
    names = getattr(val, "classes", None)
    classes = [str(number) for number in range(outputs or 0)]
    if isinstance(names, Sequence) and not isinstance(names, str) and names:
        classes = [printable(str(one)) for one in names]
    return Splits(classes, _source(val, name, len(classes)), partial(_training, train, name, len(classes)))


def _made(name: str, options: Mapping[str, Any]) -> Any:
    found, file = load_object(name.removeprefix(PYTHON))
    return UserCode(name, found, options, file).call() if callable(found) else found


def _of_module(module: LightningDataModule, name: str) -> tuple[Callable[[], Any], Any]:
    rank_zero_only(module.prepare_data)()
    module.setup("fit")
    val = _data_set(module.val_dataloader(), name, "validation")
    return lambda: _data_set(module.train_dataloader(), name, "training"), val


def _data_set(loader: Any, name: str, what: str) -> Any:
    if isinstance(loader, Sequence) and len(loader) == 1:
        (loader,) = loader
    if not isinstance(loader, DataLoader):
        raise UserError(f"the DataModule of {printable(name)} does not have exactly one {what} DataLoader.")
    return loader.dataset


def _share(data: Any, name: str, val_fraction: float, seed: int) -> tuple[Callable[[], Any] | None, Any]:
    """Hold out a random share, whose classes nobody knows without decoding all pictures."""
    if not 0 < val_fraction <= 1:
        raise UserError(f"val_fraction is {val_fraction}; it must be above 0 and at most 1.")
    _check(data, name)
    if val_fraction == 1:
        return None, data
    order = np.random.default_rng(seed).permutation(len(data)).tolist()
    count = min(max(round(val_fraction * len(data)), 1), len(data) - 1)
    held_out = _Classed(data, sorted(order[:count]))
    return lambda: _Classed(data, sorted(order[count:])), held_out


class _Classed(Subset[Any]):
    """A subset that knows the names of the classes."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        super().__init__(dataset, indices)
        self.classes = getattr(dataset, "classes", None)


def _training(train: Callable[[], Any] | None, name: str, classes: int) -> Source:
    if train is None:
        raise UserError(f"{printable(name)} has no pictures to train on; return them as 'train', beside 'val'.")
    return _source(train(), name, classes)


def _source(data: Any, name: str, classes: int) -> Source:
    _check(data, name)
    return LabelledPictures(data, classes or None)


def _check(data: Any, name: str) -> None:
    sized = hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, str | IterableDataset)
    if not sized:
        raise UserError(
            f"{printable(name)} returned a {type(data).__name__}; return a LightningDataModule, or a data set with a "
            "length and positions."
        )
    if not len(data):
        raise UserError(f"the {type(data).__name__} of {printable(name)} is empty.")
