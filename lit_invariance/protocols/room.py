"""The picture with space around the network's window: the geometry of the literature's shift tests."""

from torch import Generator

from lit_invariance.protocols.protocol import draw
from lit_invariance.protocols.standard import CROP_FRACTION, central, cover
from lit_invariance.protocols.view import View
from lit_invariance.protocols.window import Size, sides


def room_for(size: int) -> int:
    """Pixels by which the square that windows are cut from exceeds them: the published 32 at S = 224.

    At other S in proportion, `S / 0.875 - S`, and at least 2 so that there are windows to choose from.

    Args:
        size: Shorter side S of a window in pixels.
    """
    return max(round(size / CROP_FRACTION) - size, 2)


def window(height: int, width: int, size: Size, room: int, down: int, right: int) -> View:
    """Place an H x W window in the middle H + `room` x W + `room` pixels of the resized picture.

    The picture is resized to cover these; of a square window, its short side becomes S + `room`. A smaller picture is
    enlarged, as the published evaluations do: unlike `centre_crop`, which shows it as it is, a shift test needs the
    room.

    Args:
        height: Rows of the picture.
        width: Columns of the picture.
        size: Side of the window in pixels, or (H, W).
        room: Pixels by which both sides are larger.
        down: First row of the window in them, in `0..room`.
        right: First column of the window in them, in `0..room`.
    """
    rows, columns = (side + room for side in sides(size))
    to_height, to_width = cover(height, width, (rows, columns))
    top, left = central(to_height, rows), central(to_width, columns)
    return View(0, 0, height, width, to_height, to_width, -(top + down), -(left + right))


def two_places(low: int, high: int, generator: Generator) -> list[tuple[int, int]]:
    """Draw two different points (row, column) of the grid `low..high`, both ends included; equal ones are redrawn."""
    first = draw(low, high, generator), draw(low, high, generator)
    second = first
    while second == first:
        second = draw(low, high, generator), draw(low, high, generator)
    return [first, second]
