"""Some of the images of a data set; a random choice is the same for the same seed on any machine."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from lit_invariance.data.source import Source


def random_positions(count: int, most: int | None, seed: int) -> list[int] | None:
    """Choose some of the positions 0 to `count - 1`.

    Args:
        count: Number of images there are.
        most: Number of images wanted; None means all.
        seed: Names the choice.

    Returns:
        The positions in order; None for all of them.
    """
    if most is None or most >= count:
        return None
    return sorted(int(index) for index in np.random.default_rng(seed).permutation(count)[:most])


class PartOf:
    """Some images of a source, as a source of their own.

    Args:
        source: The images.
        positions: Those to give out, in order.

    Attributes:
        paths: Their files, if they have any.
        boxes: None.
        about: How many they are, and of what.
    """

    boxes: None = None

    def __init__(self, source: Source, positions: Sequence[int]) -> None:
        self.source, self.positions = source, positions
        paths = source.paths
        self.paths = None if paths is None else [paths[position] for position in positions]
        self.about = f"{len(positions)} of {source.about}"

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.positions)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return an image and its label."""
        return self.source[self.positions[index]]
