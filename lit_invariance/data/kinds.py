"""The data sets that `InvarianceData` can open, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_invariance.data.class_order import read_class_map
from lit_invariance.data.csv_table import load_csv
from lit_invariance.data.hf_dataset import PREFIX as HF
from lit_invariance.data.hf_dataset import load_hf
from lit_invariance.data.image_folder import load_image_folder
from lit_invariance.data.own_data import load_own
from lit_invariance.data.rendered_shapes import load_shapes
from lit_invariance.data.shards import load_shards
from lit_invariance.data.source import Splits
from lit_invariance.data.torchvision_sets import SETS, TORCHVISION_SETS, load_imagenet
from lit_invariance.data.unlabelled import load_unlabelled
from lit_invariance.errors import UserError, unknown
from lit_invariance.registry import Spec, build, parse_spec
from lit_invariance.user_code.importing import PYTHON

DIVIDED = ("root", "val_root", "val_fraction", "seed")
"""Options of a data set that may have to be divided into training and validation."""


@dataclass(frozen=True)
class Kind:
    """How a kind of data set is opened.

    Attributes:
        load: Opens it; takes the options of `InvarianceData` in `options` by their names.
        options: These.
        has_options: Whether options of its own may follow its name.
        in_memory: Whether its images need no workers to decode them.
    """

    load: Callable[..., Splits]
    options: tuple[str, ...]
    has_options: bool = False
    in_memory: bool = False


def _load_shapes(shapes: Mapping[str, Any] | None, **given: Any) -> Splits:
    return build("data set", {"shapes": load_shapes}, {"shapes": dict(shapes or {})}, **given)


KINDS: dict[str, Kind] = {
    "shapes": Kind(_load_shapes, ("image_size", "seed", "shapes"), in_memory=True),
    "image_folder": Kind(load_image_folder, (*DIVIDED, "boxes", "class_map", "outputs")),
    "csv": Kind(load_csv, (*DIVIDED, "boxes", "class_map", "outputs")),
    "unlabelled": Kind(load_unlabelled, (*DIVIDED, "outputs")),
    "webdataset": Kind(load_shards, (*DIVIDED, "class_map", "outputs")),
    **{
        name: Kind(load, ("root", "download"), in_memory=name in SETS and SETS[name].held)
        for name, load in TORCHVISION_SETS.items()
    },
    "ImageNet": Kind(load_imagenet, ("root", "download", "boxes")),
}
PREFIXES: dict[str, Kind] = {
    HF: Kind(load_hf, ("val_fraction", "seed", "download", "class_map", "outputs"), has_options=True),
    PYTHON: Kind(load_own, ("val_fraction", "seed", "outputs"), has_options=True),
}
"""What follows one of these is the name of a data set of that kind."""
SUFFIXES = {".csv": "csv", ".tar": "webdataset"}
"""Data sets that are known by how the name of their root ends."""
ONLY_SOME = ("boxes", "class_map")
"""Options that are refused where a data set does not take them."""


def find_kind(dataset: Spec) -> Kind:
    """Return the kind of a data set.

    Args:
        dataset: Its name, or `{name: {option: value}}`.

    Raises:
        UserError: If there is none of this name, or it has no options.
    """
    name, options = parse_spec("data set", dataset)
    kind = next((kind for prefix, kind in PREFIXES.items() if name.startswith(prefix)), None) or KINDS.get(name)
    if kind is None:
        raise unknown("data set", name, [*KINDS, *(f"{prefix}..." for prefix in PREFIXES)])
    if options and not kind.has_options:
        raise UserError(f"the data set {name} takes no options in its name; set them as --data.{next(iter(options))}.")
    return kind


def dataset_at(root: str) -> str:
    """Tell the data set by its root: a table, tar files, or else a folder of class folders.

    Args:
        root: A path.

    Returns:
        The data set's name.
    """
    return SUFFIXES.get(Path(root).suffix.lower(), "image_folder")


def check_options(dataset: Spec, given: Mapping[str, Any]) -> None:
    """Refuse options that a data set would pass over, though they change which image is which.

    Args:
        dataset: Its name, or `{name: {option: value}}`.
        given: Options of `InvarianceData`.

    Raises:
        UserError: If one of them is set.
    """
    kind, (name, _) = find_kind(dataset), parse_spec("data set", dataset)
    for option in ONLY_SOME:
        if given[option] is not None and option not in kind.options:
            takers = ", ".join(other for other, known in KINDS.items() if option in known.options)
            raise UserError(f"data.{option} applies to {takers}, not to {name}; leave it out.")


def load_data(dataset: Spec, given: Mapping[str, Any]) -> Splits:
    """Open a data set.

    Args:
        dataset: Its name, or `{name: {option: value}}`.
        given: Options of `InvarianceData`, and `outputs`, the model's number of outputs where it is known.

    Raises:
        UserError: If it cannot be opened.
    """
    kind, (name, options) = find_kind(dataset), parse_spec("data set", dataset)
    arguments = {option: given[option] for option in kind.options}
    if arguments.get("class_map") is not None:
        arguments["class_map"] = read_class_map(arguments["class_map"])
    if not kind.has_options:
        return kind.load(**arguments)
    if name.startswith(PYTHON):
        return load_own(name, options, **arguments)
    return build("data set", {name: kind.load}, {name: options}, name=name, **arguments)
