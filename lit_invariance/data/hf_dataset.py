"""Data sets of Hugging Face's `datasets`: `hf/<folder on disk>` or `hf/<id on the hub>`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from lit_invariance.data.class_order import ClassMap, ClassOrder, class_order, imagenet_names, label_order
from lit_invariance.data.images import decode, decode_bytes
from lit_invariance.data.listed_pictures import Part, Parts
from lit_invariance.data.parts import role_of
from lit_invariance.data.source import Splits
from lit_invariance.data.synsets import imagenet_outputs
from lit_invariance.errors import UserError, said_by
from lit_invariance.extras import optional
from lit_invariance.names import printable

PREFIX = "hf/"
USUAL_LABELS = ("label", "labels")


class Row(NamedTuple):
    """A picture in a column of a data set.

    Attributes:
        rows: The part of the data set, of type `datasets.Dataset`; its images are not decoded.
        column: The column.
        number: The row.
        name: What the data set is called.
    """

    rows: Any
    column: str
    number: int
    name: str

    def read(self) -> Tensor:
        """Decode the picture, uint8 (3, H, W).

        Raises:
            UserError: If there is none, or it is broken.
        """
        content = self.rows[self.number][self.column]
        if content is None or (content["bytes"] is None and content["path"] is None):
            raise UserError(f"row {self.number} of {printable(self.name)} holds no picture; remove it.")
        if content["bytes"] is None:
            return decode(content["path"])
        return decode_bytes(content["bytes"], f"of row {self.number} of {self.name}")


def load_hf(
    name: str,
    val_fraction: float = 0.1,
    seed: int = 0,
    download: bool = False,
    class_map: ClassMap | None = None,
    outputs: int | None = None,
    image: str | None = None,
    label: str | None = None,
    config: str | None = None,
) -> Splits:
    """Open a data set with a column of images and one of labels.

    Args:
        name: `hf/` and a folder that `save_to_disk` wrote or that holds the files of a data set, or an id on the hub.
        val_fraction: Share of the images for validation if no part is for it.
        seed: Names that share.
        download: Fetch it from the hub; otherwise it must lie on the disk or in the library's cache.
        class_map: Name of a class to output.
        outputs: Number of outputs of the model, where it is known.
        image: Name of the column of images; may be left out where there is one.
        label: Name of the column of labels, likewise.
        config: Name of the data set's configuration, where it has several.

    Returns:
        The two splits.

    Raises:
        UserError: If datasets is not installed, the data set is not there, or its columns cannot be told.
    """
    optional("datasets", "hf", f"the data set {name}")
    parts = _by_role(name, _opened(name.removeprefix(PREFIX), config, download))
    first = next(iter(parts.values()))
    columns = _column(name, "image", image, _images(first)), _column(name, "label", label, _labels(first))
    names = getattr(first.features[columns[1]], "names", None)
    listed = {role: _samples(name, part, *columns, names) for role, part in parts.items()}
    order = partial(_order, names=names, wanted=outputs, class_map=class_map)
    return Parts(listed, Row.read).splits(order, val_fraction, seed)


def _opened(place: str, config: str | None, download: bool) -> Any:
    import datasets

    try:
        if Path(place, "state.json").is_file() or Path(place, "dataset_dict.json").is_file():
            return datasets.load_from_disk(place)
        with _only_local(not download):
            return datasets.load_dataset(place, config)
    except Exception as error:  # the library's errors are open-ended
        fix = "check the id or the folder" if download else "name a folder, or fetch it with --data.download true"
        raise UserError(
            f"the data set {PREFIX}{printable(place)} cannot be opened ({said_by(error)}); {fix}."
        ) from error


@contextmanager
def _only_local(wanted: bool) -> Iterator[None]:
    """Keep the library from the network; its environment variable is read only once."""
    import datasets

    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = before or wanted
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before


def _by_role(name: str, found: Any) -> dict[str, Any]:
    """The parts that are needed: the one to test on only where there is none to validate on."""
    if not isinstance(found, Mapping):
        return {"all": found}
    parts = {role: part for split, part in found.items() if (role := role_of(split)) is not None}
    if "val" in parts:
        parts.pop("test", None)
    if not parts and len(found) == 1:
        return {"all": next(iter(found.values()))}
    if not parts:
        raise UserError(
            f"the parts of {printable(name)} are {printable(', '.join(found))}; it is not clear which one to train or "
            "to validate on."
        )
    return parts


def _images(part: Any) -> list[str]:
    import datasets

    return [column for column, kind in part.features.items() if isinstance(kind, datasets.Image)]


def _labels(part: Any) -> list[str]:
    import datasets

    classes = [column for column, kind in part.features.items() if isinstance(kind, datasets.ClassLabel)]
    usual = [column for column in USUAL_LABELS if column in part.features]
    return (classes if len(classes) == 1 else [column for column in usual if column in classes] or classes) or usual


def _column(name: str, what: str, wanted: str | None, found: list[str]) -> str:
    if wanted is not None:
        return wanted
    if len(found) != 1:
        known = f"several columns that may hold the {what}s ({', '.join(found)})" if found else f"no column of {what}s"
        raise UserError(
            f"{printable(name)} has {known}; name it, as --data.dataset '{{{printable(name)}: {{{what}: COLUMN}}}}'."
        )
    return found[0]


def _samples(name: str, part: Any, image: str, label: str, names: list[str] | None) -> Part:
    import datasets

    for what, column in (("image", image), ("label", label)):
        if column not in part.features:
            raise UserError(
                f"{printable(name)} has no column '{column}' of {what}s; it has {', '.join(part.features)}."
            )
    rows = part.cast_column(image, datasets.Image(decode=False)).select_columns([image])
    samples = []
    for row, value in enumerate(part[label]):
        known = isinstance(value, str) or (isinstance(value, int) and value >= 0)
        if not known:
            raise UserError(f"row {row} of {printable(name)} has the label {value!r}, which is no class.")
        shown = names[value] if names and isinstance(value, int) else str(value)
        samples.append((shown, Row(rows, image, row, name)))
    if not samples:
        raise UserError(f"{printable(name)} holds no picture.")
    split = f" ({part.split})" if part.split is not None else ""
    return Part(samples, f"{printable(name)}{split}")


def _order(used: set[str], names: list[str] | None, wanted: int | None, class_map: ClassMap | None) -> ClassOrder:
    """The feature's own order of its classes, but for synsets, which have one already."""
    if names is None or class_map is not None:
        return label_order(used, wanted, class_map)
    if set(names) <= imagenet_outputs().keys():
        return class_order(set(names), wanted)
    printed = [printable(one) for one in names]
    return ClassOrder({one: output for output, one in enumerate(names)}, imagenet_names(printed) or printed)
