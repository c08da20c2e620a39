"""The views of one image in one picture, each of them a window of it: what a reader of the report moves about."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from lit_invariance.protocols import Protocol
from lit_invariance.protocols.protocol import Box
from lit_invariance.protocols.view import View, render

FEW = 6
"""Views that are kept where each of them needs pixels of its own."""
AT_ONCE = 64


@dataclass(frozen=True)
class Sheet:
    """A picture of which views are windows.

    Attributes:
        pixels: `(C, H, W)`, float32 in [0, 1].
        window: Rows and columns of a view.
        views: Positions of the views in the protocol's steps.
        places: First row and column of each view's window.
    """

    pixels: Tensor
    window: tuple[int, int]
    views: list[int]
    places: list[tuple[int, int]]


def make_sheet(
    protocol: Protocol, image: Tensor, generator: Callable[[], Generator], box: Box | None, pair: tuple[int, int]
) -> Sheet:
    """Put views of an image into one picture.

    Where the protocol moves one block of pixels over one colour, all views are windows of that block, at no cost but
    its border. Otherwise a few views around a pair of neighbours stand below one another.

    Args:
        protocol: Whose views.
        image: `(C, H, W)`, uint8 or float in [0, 1].
        generator: Makes the image's own generator, as `generator_for` does.
        box: Where the object is.
        pair: Positions of two views that are kept in any case.
    """
    height, width = image.shape[-2:]
    shown = protocol.shown(height, width, box)
    moved = protocol.placed(height, width, generator(), box)
    views = [] if moved is None else [_unresized(view, height, width, protocol.window) for view in moved]
    if len({view[:6] for view in views}) == 1:
        return _block(protocol, image, views, shown)
    kept = views_near(shown, *pair)
    parts = protocol.parts(image, generator(), AT_ONCE, box)
    return stacked(_some(parts, [shown.index(step) for step in kept]), kept)


def views_near(shown: Sequence[int], first: int, second: int) -> list[int]:
    """Choose the views that are kept where each of them needs pixels of its own.

    Args:
        shown: Positions of all views in the protocol's steps, in order.
        first: Position of a view that is kept in any case.
        second: Position of the view around which up to `FEW` are kept.

    Returns:
        Their positions, in order.
    """
    start = max(0, min(shown.index(second) - FEW // 2, len(shown) - FEW))
    return sorted({first, *shown[start : start + FEW]})


def stacked(views: Sequence[Tensor], steps: Sequence[int]) -> Sheet:
    """Put views below one another.

    Args:
        views: V views `(C, H, W)` of one size.
        steps: Their positions in the protocol's steps.
    """
    rows, columns = views[0].shape[-2:]
    return Sheet(torch.cat(list(views), 1), (rows, columns), list(steps), [(rows * n, 0) for n in range(len(views))])


def _unresized(view: View, height: int, width: int, window: tuple[int, int]) -> View:
    """Write a view of original pixels that fills its canvas as the whole picture at another place."""
    fills = (view.height, view.width, view.to_height, view.to_width) == (*window, *window)
    if not fills or (view.at_top, view.at_left) != (0, 0):
        return view
    return View(0, 0, height, width, height, width, -view.top, -view.left)


def _block(protocol: Protocol, image: Tensor, views: Sequence[View], shown: range) -> Sheet:
    """Draw the block once, on a canvas with room for all of its moves."""
    top, left = max(view.at_top for view in views), max(view.at_left for view in views)
    places = [(top - view.at_top, left - view.at_left) for view in views]
    rows, columns = (side + max(axis) for side, axis in zip(protocol.window, zip(*places, strict=True), strict=True))
    once = View(*views[0][:6], top, left)
    pixels = render(image, [once], (rows, columns), protocol.canvas, protocol.resizing)[0]
    return Sheet(pixels, protocol.window, list(shown), places)


def _some(parts: Iterable[Tensor], numbers: Sequence[int]) -> list[Tensor]:
    """Take some of the views, by their numbers among all."""
    found: list[Tensor] = []
    start = 0
    for part in parts:
        found += [part[number - start] for number in numbers if start <= number < start + len(part)]
        start += len(part)
    return found
