"""Pictures in a list, each with the name of its class: the common form of tables, loose files and shards."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

from torch import Tensor

from lit_invariance.data.boxes import BoxFiles
from lit_invariance.data.class_order import ClassOrder
from lit_invariance.data.images import decode
from lit_invariance.data.source import UNLABELLED, Boxes, Splits
from lit_invariance.data.stratified import stratified_choice
from lit_invariance.errors import UserError
from lit_invariance.names import printable

Samples = Sequence[tuple[str, Any]]
"""Pairs of a class's name, empty where it is not known, and what the picture is read from."""


@dataclass(frozen=True)
class ListedPictures:
    """A source made of a list.

    Attributes:
        items: What each picture is read from.
        labels: Their labels.
        read: Reads and decodes an item.
        about: How many they are, and from where.
        paths: Their files, if each has its own.
        boxes: Their boxes, if they are known.
        runs: Numbers of neighbours that are read fast one after another, as in a shard; None if any order will do.
    """

    items: Sequence[Any]
    labels: Sequence[int]
    read: Callable[[Any], Tensor]
    about: str
    paths: Sequence[str] | None = None
    boxes: Boxes | None = None
    runs: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.read(self.items[index]), self.labels[index]

    def reduced(self, least_side: int) -> "ListedPictures":
        """Return the same pictures, of which large JPEG files are decoded at a fraction of their size.

        Args:
            least_side: Pixels that each side keeps at least, see `decode`.
        """
        return replace(self, read=partial(decode, least_side=least_side)) if self.read is decode else self


class Part(NamedTuple):
    """Pictures of a data set.

    Attributes:
        samples: The pictures.
        where: Where they are from, in words that follow 'in'.
    """

    samples: Samples
    where: str


@dataclass(frozen=True)
class Parts:
    """A data set in the parts that it states.

    Attributes:
        parts: `train`, `val`, `test` or `all`, to its pictures; those of `all` are in no part.
        read: Reads and decodes what a picture is read from.
        of_files: Whether that is the path of its file.
        run_of: Returns what neighbours have in common that are read fast one after another; None if any order will do.
    """

    parts: Mapping[str, Part]
    read: Callable[[Any], Tensor]
    of_files: bool = False
    run_of: Callable[[Any], Hashable] | None = None

    def validated_on(self, other: "Parts") -> "Parts":
        """Take the validation images from another data set."""
        training = self.parts.get("train") or self.parts.get("all")
        return replace(self, parts=({"train": training} if training else {}) | {"val": other.to_validate_on})

    @property
    def to_validate_on(self) -> Part:
        """The part to validate on, else the one to test on, as the literature reports, else all that are in no part."""
        known = [self.parts[role] for role in ("val", "test", "all", "train") if role in self.parts]
        return known[0]

    def splits(
        self,
        order: Callable[[set[str]], ClassOrder],
        val_fraction: float,
        seed: int,
        boxes: str | None = None,
    ) -> Splits:
        """Choose what is trained and what is validated on.

        Args:
            order: Chooses the outputs of class names.
            val_fraction: Share of the training images to validate on, even over classes, where there is no other part
                to validate on; in (0, 1], with 1 none are left to train on.
            seed: Names the share.
            boxes: Folder of the validation images' bounding boxes, see `BoxFiles`.

        Returns:
            The two splits; if there are no images to train on, or they lack a class that is validated on, an error says
            so when they are asked for.

        Raises:
            UserError: If the share is out of range, or the boxes are of other images.
        """
        if not 0 < val_fraction <= 1:
            raise UserError(f"val_fraction is {val_fraction}; it must be above 0 and at most 1.")
        held_out, training = self.to_validate_on, self.parts.get("train")
        if not {"val", "test"} & self.parts.keys():
            training, held_out = _share(held_out, val_fraction, seed)
        classes = {name for part in (training, held_out) if part is not None for name, _ in part.samples}
        outputs = order(classes)
        validation = self._pictures(held_out, outputs)
        if boxes is not None:
            assert validation.paths is not None
            validation = replace(validation, boxes=BoxFiles(boxes, validation.paths))
        return Splits(
            outputs.names,
            validation,
            lambda: self._training(training, held_out, outputs),
            labelled=UNLABELLED not in outputs.outputs.values(),
        )

    def _training(self, training: Part | None, held_out: Part, outputs: ClassOrder) -> ListedPictures:
        if training is None or not training.samples:
            raise UserError(
                f"all pictures of {held_out.where} are used for validation and none is left for training; set "
                "--data.val_fraction 0.1, or --data.val_root to others."
            )
        if strangers := {name for name, _ in held_out.samples} - {name for name, _ in training.samples}:
            raise UserError(
                f"the class {printable(min(strangers))} is in {held_out.where}, but not among the pictures to train on "
                f"in {training.where}; add pictures of it, or remove it."
            )
        return self._pictures(training, outputs)

    def _pictures(self, part: Part, order: ClassOrder) -> ListedPictures:
        items = [item for _, item in part.samples]
        labels = [order.outputs[name] for name, _ in part.samples]
        classes = len({name for name, _ in part.samples if name})
        of = f" of {counted(classes, 'class', 'es')}" if classes else " without labels"
        about = f"{counted(len(items), 'image')}{of} in {part.where}"
        runs = None if self.run_of is None else [len([*run]) for _, run in groupby(items, self.run_of)]
        return ListedPictures(items, labels, self.read, about, items if self.of_files else None, runs=runs)


def counted(number: int, thing: str, plural: str = "s") -> str:
    """Write a number of things, as in `3 images`.

    Args:
        number: How many.
        thing: What, in the singular.
        plural: Ending of the plural.
    """
    return f"{number} {thing}{plural * (number != 1)}"


def _share(part: Part, val_fraction: float, seed: int) -> tuple[Part | None, Part]:
    chosen = stratified_choice([name for name, _ in part.samples], val_fraction, seed)
    rest = [sample for sample, is_chosen in zip(part.samples, chosen, strict=True) if not is_chosen]
    if not rest:
        return None, part
    held_out = [sample for sample, is_chosen in zip(part.samples, chosen, strict=True) if is_chosen]
    drawn = f"{part.where}, drawn at random ({val_fraction:.0%})"
    return Part(rest, f"{part.where}, those that do not validate"), Part(held_out, drawn)
