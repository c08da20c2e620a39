"""What a data set is to the rest of the program: decoded pictures with labels, in two splits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class Source(Protocol):
    """Labelled images that can be reached by position."""

    def __len__(self) -> int:
        """Return the number of images."""
        ...

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return the image, uint8 (3, H, W) of any size, and its label."""
        ...


@dataclass(frozen=True)
class Splits:
    """A data set's two halves.

    Attributes:
        class_names: One name for each output of a network trained on it.
        val: The images to validate and evaluate on.
        load_train: Returns the images to train on; they may be absent or costly, and evaluation never asks.
    """

    class_names: list[str]
    val: Source
    load_train: Callable[[], Source]
