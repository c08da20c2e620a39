"""The picture as a network is usually given it: resized, and its central square cut out."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from lit_invariance.protocols.protocol import Protocol, one_of
from lit_invariance.protocols.view import View, render

CROP_FRACTION = 0.875
BLACK = 0.0


def short_side(shortest: int, size: int) -> int:
    """Length to which the short side is resized where no recipe says otherwise.

    ImageNet practice resizes to `S / 0.875` and crops S. A picture that lies between the two is not enlarged first, so
    that data sets made at the network's own size (CIFAR at 32) are shown whole.

    Args:
        shortest: Short side of the image in pixels.
        size: Side S of the crop in pixels.

    Returns:
        The short side after resizing, in pixels.
    """
    return min(max(shortest, size), round(size / CROP_FRACTION))


def resize_length(size: int, crop_pct: float) -> int:
    """Length that is resized to before S is cut: `S / crop_pct`, its fraction dropped as timm does.

    Args:
        size: Side S of the crop in pixels.
        crop_pct: The share of that length that the crop keeps.
    """
    # A share such as 224 / 232 is not exact, and its quotient may lie a hair below the whole number.
    return math.floor(size / crop_pct + 1e-9)


def target_of(height: int, width: int, window: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns that a picture is resized to cover where no recipe says otherwise.

    It is `short_side` for a window that need not be square.

    Args:
        height: Rows of the image.
        width: Columns of the image.
        window: Rows and columns (H, W) of the crop.

    Returns:
        (H, W) for a smaller picture, (H, W) / .875 for one that is larger than that on both sides, and what leaves a
        picture between the two as it is.
    """
    if window[0] == window[1]:
        length = short_side(min(height, width), window[0])
        return length, length
    rows, columns = (round(side / CROP_FRACTION) for side in window)
    if height < window[0] or width < window[1]:
        return window
    return (rows, columns) if height > rows and width > columns else (height, width)


def cover(height: int, width: int, target: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the smallest picture of the same aspect ratio that covers a target.

    Args:
        height: Rows of the image.
        width: Columns of the image.
        target: Rows and columns. Of a square, the longer side's fraction is cut off as torchvision does; otherwise it
            is rounded as timm does.
    """
    if target[0] == target[1]:
        shortest = min(height, width)
        return target[0] * height // shortest, target[0] * width // shortest
    ratio = min(height / target[0], width / target[1])
    return round(height / ratio), round(width / ratio)


def central(length: int, size: int) -> int:
    """First pixel of the middle `size` of `length` as torchvision's CenterCrop has it; negative where it pads."""
    return round((length - size) / 2) if length >= size else -((size - length) // 2)


@dataclass(frozen=True, kw_only=True)
class Standard(Protocol):
    """A protocol that shows the standard view of the image, S x S or H x W pixels, as it is or moved.

    Args:
        crop_pct: The picture is resized to `S / crop_pct`, whether that enlarges it or not. None resizes its short side
            to `S / 0.875` and never enlarges beyond S, see `short_side`.
        crop_mode: What is resized to that length, in timm's words. `"center"`: the short side, the rest being cut off;
            `"squash"`: both sides, the aspect ratio lost; `"border"`: the long side, the rest being filled with the
            mean colour. For a window of H x W, `"center"` covers (H, W) / `crop_pct` and `"border"` fits into it.
    """

    crop_pct: float | None = None
    crop_mode: str = "center"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("crop_mode", self.crop_mode, tuple(CROP_MODES))
        if self.crop_pct is not None and not self.crop_pct > 0:
            raise ValueError(f"crop_pct is a share greater than 0, not {self.crop_pct}.")

    def standard_view(self, height: int, width: int) -> View:
        """Place the picture on the canvas.

        Args:
            height: Rows of the image.
            width: Columns of the image.
        """
        if self.crop_pct is None:
            target = target_of(height, width, self.window)
        else:
            rows, columns = (resize_length(side, self.crop_pct) for side in self.window)
            target = rows, columns
        to_height, to_width = CROP_MODES[self.crop_mode](height, width, target)
        at_top, at_left = -central(to_height, self.window[0]), -central(to_width, self.window[1])
        return View(0, 0, height, width, to_height, to_width, at_top, at_left)

    def standard_picture(self, image: Tensor) -> Tensor:
        """Make the standard view `(C, H, W)` of the window, float32 in [0, 1], of an image `(C, H, W)`."""
        # timm rounds the colour of the border to 8 bits, because its pictures are so.
        border = tuple(round(255 * value) / 255 for value in self.mean)
        canvas = border if self.crop_mode == "border" else (BLACK,) * len(self.mean)
        view = self.standard_view(image.shape[-2], image.shape[-1])
        return render(image, [view], self.size, canvas, self.resizing)[0]


def _squashed(height: int, width: int, target: tuple[int, int]) -> tuple[int, int]:
    return target


def _within(height: int, width: int, target: tuple[int, int]) -> tuple[int, int]:
    ratio = max(height / target[0], width / target[1])
    return max(1, round(height / ratio)), max(1, round(width / ratio))


CROP_MODES: dict[str, Callable[[int, int, tuple[int, int]], tuple[int, int]]] = {
    "center": cover,
    "squash": _squashed,
    "border": _within,
}
