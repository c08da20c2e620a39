"""The picture with space around the network's window: the geometry of the literature's shift tests."""

from torch import Generator

from lit_invariance.protocols.protocol import draw
from lit_invariance.protocols.standard import CROP_FRACTION, central, resized
from lit_invariance.protocols.view import View


def room_for(size: int) -> int:
    """Pixels by which the square that windows are cut from exceeds them: the published 32 at S = 224.

    At other S in proportion, `S / 0.875 - S`, and at least 2 so that there are windows to choose from.

    Args:
        size: Side S of a window in pixels.
    """
    return max(round(size / CROP_FRACTION) - size, 2)


def window(height: int, width: int, size: int, room: int, down: int, right: int) -> View:
    """Place an S x S window in the central square of side S + `room` of the resized picture.

    The picture's short side becomes S + `room`. A smaller picture is enlarged, as the published evaluations do: unlike
    `centre_crop`, which shows it as it is, a shift test needs the room.

    Args:
        height: Rows of the picture.
        width: Columns of the picture.
        size: Side S of the window in pixels.
        room: Pixels by which the square is larger.
        down: First row of the window in the square, in `0..room`.
        right: First column of the window in the square, in `0..room`.
    """
    to_height, to_width = resized(height, width, size + room)
    top, left = central(to_height, size + room), central(to_width, size + room)
    return View(0, 0, height, width, to_height, to_width, -(top + down), -(left + right))


def two_places(low: int, high: int, generator: Generator) -> list[tuple[int, int]]:
    """Draw two different points (row, column) of the grid `low..high`, both ends included; equal ones are redrawn."""
    first = draw(low, high, generator), draw(low, high, generator)
    second = first
    while second == first:
        second = draw(low, high, generator), draw(low, high, generator)
    return [first, second]
