"""Protocols whose views lie around a reference, ring by ring."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from lit_invariance.protocols.protocol import Box, Protocol, at_least
from lit_invariance.protocols.room import room_for, window
from lit_invariance.protocols.view import render

AWAY = "px away"
"""Unit of steps that say how far a view is from the reference, along the axis on which it is further."""


def spiral(rings: int) -> list[tuple[int, int]]:
    """Walk over a square grid from its middle outwards, ring by ring, always to a neighbouring place.

    Args:
        rings: Number of rings around the middle.

    Returns:
        `(2 * rings + 1) ** 2` places (down, right): (0, 0), then for each ring r the 8r places with
        `max(abs(down), abs(right)) == r`, from (r - 1, r) upwards and against the clock to (r, r).

    Example:
        >>> spiral(1)
        [(0, 0), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]
    """
    places = [(0, 0)]
    for ring in range(1, rings + 1):
        backwards, onwards = range(ring - 1, -ring - 1, -1), range(1 - ring, ring + 1)
        places += [(down, ring) for down in backwards]
        places += [(-ring, right) for right in backwards]
        places += [(down, -ring) for down in onwards]
        places += [(ring, right) for right in onwards]
    return places


@dataclass(frozen=True, kw_only=True)
class Around(Protocol):
    """A protocol whose first view is the reference, and the others the same moved to each place of m rings around it.

    `worst_case_accuracy` is the robust accuracy at the outermost ring. Results also hold the robust accuracy at each
    radius r: the share of images that are right at the reference and at every place up to r away.

    Args:
        m: Number of rings.
    """

    unit: ClassVar[str] = AWAY
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "worst_case_accuracy", "all_agree")

    m: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("m", self.m, 1)

    @property
    @abstractmethod
    def rings_per_pixel(self) -> int:
        """Number of rings that lie within a pixel."""

    @abstractmethod
    def mover(self, image: Tensor) -> Callable[[float, float], Tensor]:
        """Prepare an image `(C, H, W)`.

        Returns:
            From a move in pixels, down and to the right, to the view `(C, H, W)` in which the picture is moved so.
        """

    @property
    def moves(self) -> list[tuple[float, float]]:
        """Move of the picture in each view in pixels, (down, right); negative ones are up and to the left."""
        return [(down / self.rings_per_pixel, right / self.rings_per_pixel) for down, right in spiral(self.m)]

    @property
    def steps(self) -> tuple[float, ...]:
        """Distance of each view from the reference in pixels, the greater of the two axes'."""
        return tuple(max(abs(down), abs(right)) for down, right in self.moves)

    @property
    def reference(self) -> int:
        """The first view."""
        return 0

    @property
    def view_names(self) -> tuple[str, ...]:
        """Move of the picture in each view."""
        return tuple(f"{down:+.3g} px down, {right:+.3g} px right" for down, right in self.moves)

    def parts(self, image: Tensor, generator: Generator, most: int, box: Box | None = None) -> Iterator[Tensor]:
        """Prepare the picture once and move it a few times at a time; nothing is drawn."""
        move, moves = self.mover(image), self.moves
        for start in range(0, len(moves), most):
            yield torch.stack([move(*to) for to in moves[start : start + most]])

    def room(self, margin: int) -> int:
        """Pixels by which the resized picture exceeds the window, at least `margin` on each side, as in `room_for`."""
        return max(room_for(self.shorter), 2 * margin)

    def larger(self, image: Tensor, margin: int) -> Tensor:
        """Make the picture from which moved windows are cut: the window in its middle and `margin` pixels around it.

        It is resized as for `shift_grid`: the short side to `S / 0.875`, or S + 2 `margin` if that is more; a smaller
        picture is enlarged.

        Args:
            image: `(C, H, W)`, uint8 or float in [0, 1].
            margin: Pixels on each side.

        Returns:
            `(C, H + 2 margin, W + 2 margin)` of the window, float32 in [0, 1].
        """
        height, width = image.shape[-2:]
        rows, columns = self.window
        room = self.room(margin)
        first = room // 2 - margin
        view = window(height, width, self.window, room, first, first)
        black = (0.0,) * len(image)
        return render(image, [view], (rows + 2 * margin, columns + 2 * margin), black, self.resizing)[0]
