"""What the authors' released script measures; it differs slightly from the description in their paper."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator

from lit_invariance.protocols.placed import Placed
from lit_invariance.protocols.protocol import draw, one_of
from lit_invariance.protocols.view import View
from lit_invariance.protocols.window import in_words

SHARES = (0.1, 0.4, 0.7, 1.0, 1.3, 1.6, 1.9)
PAPER_SIZE = 224
PAIRS = 8
MARGIN = 10
ASPECTS = (3 / 4, 4 / 3)
TRIES = 10


@dataclass(frozen=True, kw_only=True)
class ReleasedScript(Placed):
    """Nine views along a diagonal, of a random crop or of the whole picture on an empty canvas. T = 9, 8 pairs.

    `CheckTranslationInvariance.py` of Azulay & Weiss's CNN-Failures; `top1_change` and `mean_absolute_change` are its
    two scores. Its accuracy leaves the ninth view out, since it counts the first view of each pair only [sure].

    * Up to 1: a crop of exactly this share of the picture's area and an aspect ratio of 3/4..4/3 (torchvision's
      RandomResizedCrop, drawn in its order, so that a seed gives torchvision's crop), resized to 234 x 234; views are
      the 224-windows at (c, c), c = 0..8. The window moves down and right [sure].
    * Above 1: the picture squeezed to a square of int(224 / share) px and pasted at (c, c), c from centre - 4 to
      centre + 4, centre = int((224 - side - 1) / 2), on zeros **after** normalisation, which is the mean colour before
      it. The block moves down and right [sure]. The script's shares come from `numpy.arange` and lie a hair above the
      decimal: its 1.6 gives 139 px, not 140, and so does this one.

    At other S all lengths are in proportion, with a margin of at least 10 px, which nine windows need [choice].

    Args:
        share: The script's `size`, one of .1, .4, .7, 1.0, 1.3, 1.6, 1.9 there (here `size` is S): the crop's share of
            the area up to 1, and how much smaller than the canvas the square is above.
        square: Above 1, how the picture becomes a square; the transform that the script names does not exist in
            torchvision. `"squeeze"`: all of it, its aspect ratio lost; `"centre"`: its central square [choice].
    """

    name: ClassVar[str] = "released_script"
    unit: ClassVar[str] = "px"

    share: float = 1.0
    square: str = "squeeze"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("square", self.square, ("squeeze", "centre"))
        if self.window[0] != self.window[1]:
            raise ValueError(
                f"it is not defined for inputs of {in_words(self.size)} pixels, because the script has square pictures "
                "and windows only; leave it out."
            )
        if not self.share > 0:
            raise ValueError(f"share is greater than 0, not {self.share}.")
        if self.share > 1 and self.side < 1:
            raise ValueError(f"a share of {self.share} leaves no picture on a canvas of {self.shorter} px.")

    @property
    def steps(self) -> tuple[float, ...]:
        """Diagonal move of each view from the first, in pixels."""
        return tuple(float(step) for step in range(PAIRS + 1))

    @property
    def canvas(self) -> tuple[float, ...]:
        """Zero after normalisation."""
        return self.mean

    @property
    def margin(self) -> int:
        """Pixels by which the resized crop exceeds the window, and the canvas at least the square."""
        return max(MARGIN, round(self.shorter * MARGIN / PAPER_SIZE))

    @property
    def side(self) -> int:
        """Side of the square on the canvas, in pixels, for a share above 1."""
        return min(int(self.shorter / math.nextafter(self.share, math.inf)), self.shorter - self.margin)

    def views(self, height: int, width: int, generator: Generator) -> list[View]:
        """Draw the crop, or take the picture; place it nine times."""
        if self.share <= 1:
            source = random_resized_crop(height, width, self.share, generator)
            side, start, way = self.shorter + self.margin, -_first(self.margin), -1
        else:
            source = _central_square(height, width) if self.square == "centre" else (0, 0, height, width)
            side, way = self.side, 1
            start = _first(self.shorter - side)
        places = [start + way * step for step in range(PAIRS + 1)]
        return [View(*source, side, side, place, place) for place in places]


def random_resized_crop(height: int, width: int, share: float, generator: Generator) -> tuple[int, int, int, int]:
    """Draw a rectangle as torchvision's RandomResizedCrop with `scale=(share, share)` and its usual ratio does.

    It takes the same numbers from the generator in the same order. Ten rectangles are tried; if none fits, the answer
    is the central one of the picture's own aspect ratio, as far as that lies in 3/4..4/3. At a share of 1 this is
    nearly always so.

    Args:
        height: Rows of the picture.
        width: Columns of the picture.
        share: Area of the rectangle, as a share of the picture's.
        generator: A CPU generator.

    Returns:
        First row, first column, rows and columns.
    """
    least, greatest = torch.tensor(ASPECTS, dtype=torch.float32).log().tolist()
    for _ in range(TRIES):
        area = height * width * torch.empty(1, dtype=torch.float32).uniform_(share, share, generator=generator).item()
        aspect = torch.empty(1, dtype=torch.float32).uniform_(least, greatest, generator=generator).exp().item()
        columns, rows = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < columns <= width and 0 < rows <= height:
            return draw(0, height - rows, generator), draw(0, width - columns, generator), rows, columns
    rows = min(height, round(width / ASPECTS[0]))
    columns = min(width, round(height * ASPECTS[1]))
    return (height - rows) // 2, (width - columns) // 2, rows, columns


def _first(spare: int) -> int:
    """First of the nine places about the centre of the spare pixels, as the script has it."""
    return int((spare - 1) / 2) - PAIRS // 2


def _central_square(height: int, width: int) -> tuple[int, int, int, int]:
    shortest = min(height, width)
    return (height - shortest) // 2, (width - shortest) // 2, shortest, shortest
