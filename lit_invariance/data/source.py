"""The interface of a data set to the rest of the program: decoded pictures with labels, in two splits."""

import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from lit_invariance.protocols.protocol import Box

UNLABELLED = -1
"""The label of an image whose class is not known."""


class Boxes(typing.Protocol):
    """Where the objects of a source's images are."""

    def __getitem__(self, position: int) -> Box | None:
        """Return left, top, right and bottom edge in pixels of the decoded image; None where it has no box."""
        ...


class Source(typing.Protocol):
    """Labelled images that can be reached by position."""

    @property
    def paths(self) -> Sequence[str] | None:
        """The images' files; None for an image without its own file."""
        ...

    @property
    def boxes(self) -> Boxes | None:
        """The images' boxes; None where none are known."""
        ...

    @property
    def about(self) -> str:
        """How many images these are and from where, in words that can follow 'validating on'."""
        ...

    def __len__(self) -> int:
        """Return the number of images."""
        ...

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return the image, uint8 (3, H, W) of any size, and its label, or `UNLABELLED`."""
        ...


@dataclass(frozen=True)
class Splits:
    """The two parts of a data set.

    Attributes:
        class_names: One printable name for each output of a network trained on it; empty where neither the data nor a
            model says how many there are.
        val: The images to validate and evaluate on.
        load_train: Returns the images to train on; they may be absent or costly, and evaluation never asks.
        labelled: Whether the classes of the images are known.
    """

    class_names: list[str]
    val: Source
    load_train: Callable[[], Source]
    labelled: bool = True
