"""The object at several sizes on a background that stays as it is."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Generator, Tensor

from lit_invariance.protocols.hole import fill_hole
from lit_invariance.protocols.inpainting import Rectangle
from lit_invariance.protocols.protocol import Box
from lit_invariance.protocols.standard import Standard
from lit_invariance.protocols.view import View, overlap, render


class Scaled(NamedTuple):
    """The picture at one scale of the object.

    Attributes:
        view: The whole picture at that scale, with the object's centre in its place.
        object: The part of the canvas that shows the object's box; empty where none of it is on the canvas.
    """

    view: View
    object: Rectangle


@dataclass(frozen=True, kw_only=True)
class ObjectScale(Standard):
    """The object in its box at .7 to 1.3 times its size, on the inpainted background of the picture. T = 7.

    Local scale equivariance (Rahman et al., "Local Scale Equivariance with Latent Deep Equilibrium Canonicalizer",
    ICCV 2025, whose released data have these seven scales [sure]): the surroundings do not change, the object does. The
    picture is that of `centre_crop`. The pixels of the object's box are emptied and filled from around them (see
    `fill_hole`); on this background lies, at each scale, the part in the box of the picture resized by that scale about
    the box's centre, to half a pixel. So scale 1 is the picture itself, a smaller object shows filled background around
    it, a larger one covers some of its surroundings, and what leaves the canvas is cut off. Their objects are segmented
    and their background is painted by a network; here the box moves as a whole, and its edge may be seen [choice].

    Several objects are one, in the box that holds them all. An image is passed over where the object's box is not
    known, is not on the canvas, or leaves nothing of the canvas to fill it from. A mask is used by its box.

    Args:
        scales: Sizes of the object, two or more and increasing; 1 is the object as it is.
    """

    name: ClassVar[str] = "object_scale"
    unit: ClassVar[str] = "times"
    needs_boxes: ClassVar[bool] = True
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "worst_case_accuracy", "top1_change", "mean_absolute_change")

    scales: tuple[float, ...] = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "scales", tuple(self.scales))  # a config gives a list, which has no hash
        if len(self.scales) < 2 or list(self.scales) != sorted(set(self.scales)) or self.scales[0] <= 0:
            raise ValueError(f"scales are two or more increasing numbers above 0, not {list(self.scales)}.")

    @property
    def steps(self) -> tuple[float, ...]:
        """Size of the object over its own."""
        return tuple(map(float, self.scales))

    @property
    def reference(self) -> int | None:
        """Place of the object as it is, where that is among the scales."""
        return self.steps.index(1.0) if 1.0 in self.steps else None

    def shown(self, height: int, width: int, box: Box | None = None) -> range:
        """Tell whether an image has a background and an object on it.

        Args:
            height: Rows of the image.
            width: Columns of the image.
            box: Where the object is.

        Returns:
            All scales or none.
        """
        return range(len(self.scales) if self._has_both(height, width, box) else 0)

    def parts(self, image: Tensor, generator: Generator, most: int, box: Box | None = None) -> Iterator[Tensor]:
        """Empty the box once, then lay the object over it a few times at a time; nothing is drawn."""
        height, width = image.shape[-2:]
        if box is None or not self._has_both(height, width, box):
            return
        top, left, bottom, right = self.scaled(height, width, box, 1.0).object
        known = torch.ones(self.window, dtype=torch.bool, device=image.device)
        known[top:bottom, left:right] = False
        background = fill_hole(self.standard_picture(image), known)
        for start in range(0, len(self.scales), most):
            places = [self.scaled(height, width, box, scale) for scale in self.scales[start : start + most]]
            yield torch.stack([self._laid(image, background, place) for place in places])

    def scaled(self, height: int, width: int, box: Box, scale: float) -> Scaled:
        """Place the picture and the object's box at one scale.

        Args:
            height: Rows of the image.
            width: Columns of the image.
            box: Where the object is.
            scale: Size of the object over its own.
        """
        plain = self.standard_view(height, width)
        at_top, to_height, rows = _scaled(height, (plain.at_top, plain.to_height), (box[1], box[3]), scale)
        at_left, to_width, columns = _scaled(width, (plain.at_left, plain.to_width), (box[0], box[2]), scale)
        top, bottom = overlap(rows[0], rows[1] - rows[0], self.window[0])
        left, right = overlap(columns[0], columns[1] - columns[0], self.window[1])
        view = View(0, 0, height, width, to_height, to_width, at_top, at_left)
        return Scaled(view, Rectangle(top, left, bottom, right))

    def _has_both(self, height: int, width: int, box: Box | None) -> bool:
        if box is None:
            return False
        top, left, bottom, right = self.scaled(height, width, box, 1.0).object
        return 0 < (bottom - top) * (right - left) < self.window[0] * self.window[1]

    def _laid(self, image: Tensor, background: Tensor, place: Scaled) -> Tensor:
        top, left, bottom, right = place.object
        picture = render(image, [place.view], self.size, (0.0,) * len(image), self.resizing)[0]
        view = background.clone()
        view[:, top:bottom, left:right] = picture[:, top:bottom, left:right]
        return view


def _scaled(
    length: int, plain: tuple[int, int], edges: tuple[float, float], scale: float
) -> tuple[int, int, tuple[int, int]]:
    """Scale one axis about the middle of the object.

    Args:
        length: Pixels of the image.
        plain: Where the picture begins on the canvas and how long it is there, at scale 1.
        edges: Of the object's box, in pixels of the image.
        scale: The scale.

    Returns:
        Where the picture begins and how long it is; and the whole pixels of the canvas that the box touches, as far as
        it lies in the picture.
    """
    at, to = plain
    first, last = (min(max(edge, 0), length) for edge in edges)
    centre = at + (first + last) / 2 * to / length
    now = max(1, round(to * scale))
    start = round(centre - (centre - at) * now / to)
    return start, now, (start + math.floor(first * now / length), start + math.ceil(last * now / length))
