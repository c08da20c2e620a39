"""The whole picture at growing sizes on one canvas."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Generator

from lit_invariance.protocols.background import OnBackground
from lit_invariance.protocols.protocol import one_of
from lit_invariance.protocols.view import View

PAPER_SIDES, PAPER_SIZE = tuple(range(60, 211, 10)), 224


@dataclass(frozen=True, kw_only=True)
class Sizes(OnBackground):
    """What protocols share that show the picture at many sizes.

    Args:
        held: `"longer"`: a step is the picture's longer side, so that all of it is seen; `"shorter"`: its shorter side,
            and what leaves the canvas is cut off.
    """

    unit: ClassVar[str] = "px"

    background: str = "inpaint"
    held: str = "longer"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("held", self.held, ("longer", "shorter"))

    @property
    def reference(self) -> int:
        """Place of the picture at its greatest size."""
        return len(self.steps) - 1

    def _resized(self, height: int, width: int) -> list[tuple[int, int]]:
        """Height and width of the picture at every step."""
        side = max(height, width) if self.held == "longer" else min(height, width)
        return [(max(1, round(height * step / side)), max(1, round(width * step / side))) for step in self.steps]


@dataclass(frozen=True, kw_only=True)
class SizeSweep(Sizes):
    """The picture at sizes of 60, 70, .. 210 pixels in the top-left corner of the canvas, the rest inpainted. T = 16.

    Azulay & Weiss 2018 (arXiv 1805.12177v1), where top-5 accuracy is drawn against the size. Which side the
    paper means by size it does not say, see `held`.

    Args:
        sides: The sizes in pixels, increasing. None takes the paper's of 224 in proportion to S.
    """

    name: ClassVar[str] = "size_sweep"
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "top5_accuracy", "top1_change")

    sides: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sides is not None:
            object.__setattr__(self, "sides", tuple(self.sides))  # a config gives a list, which has no hash
            if len(self.sides) < 2 or list(self.sides) != sorted(set(self.sides)) or self.sides[0] < 1:
                raise ValueError(f"sides are two or more increasing sizes of at least 1 px, not {list(self.sides)}.")
            if self.sides[-1] > self.shorter:
                raise ValueError(f"sides are at most the canvas of {self.shorter} px, not {self.sides[-1]}.")

    @property
    def steps(self) -> tuple[float, ...]:
        """Size of the picture in pixels."""
        if self.sides is not None:
            return tuple(map(float, self.sides))
        # On a small canvas two of the paper's sizes may be one.
        return tuple(sorted({float(round(self.shorter * side / PAPER_SIZE)) for side in PAPER_SIDES}))

    def views(self, height: int, width: int, generator: Generator) -> list[View]:
        """Put every size into the corner; nothing is drawn."""
        return [View(0, 0, height, width, *resized, 0, 0) for resized in self._resized(height, width)]


@dataclass(frozen=True, kw_only=True)
class ScaleSweep(Sizes):
    """The picture grown from .27 of the canvas to all of it, one pixel at a time, the rest inpainted.

    Azulay & Weiss 2018 (arXiv 1805.12177v1), the "Lotion" curve. The paper prints neither the
    side it measures nor where the picture lies.

    Args:
        scales: Least and greatest size as shares of S.
        location: `"corner"`: the top-left corner stays in place, as in `scale_black`, so that a step changes nothing
            but the size; `"centre"`: the picture stays in the middle, to half a pixel.
    """

    name: ClassVar[str] = "scale_sweep"

    scales: tuple[float, float] = (0.27, 1.0)
    location: str = "corner"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("location", self.location, ("corner", "centre"))
        if len(self.scales) != 2 or not 0 < self.scales[0] <= self.scales[1] <= 1:
            raise ValueError(f"scales is a pair of shares, 0 < least <= greatest <= 1, not {self.scales}.")
        object.__setattr__(self, "scales", tuple(self.scales))  # a config gives a list, which has no hash
        if len(self.steps) < 2:
            raise ValueError(f"scales {self.scales} leave no two sizes on a canvas of {self.shorter} px.")

    @property
    def steps(self) -> tuple[float, ...]:
        """Size of the picture in pixels: 60..224 at S = 224."""
        least, greatest = (round(scale * self.shorter) for scale in self.scales)
        return tuple(map(float, range(max(1, least), greatest + 1)))

    def views(self, height: int, width: int, generator: Generator) -> list[View]:
        """Put every size into its place; nothing is drawn."""
        views = []
        for to_height, to_width in self._resized(height, width):
            free = (self.window[0] - to_height, self.window[1] - to_width)
            top, left = (0, 0) if self.location == "corner" else (free[0] // 2, free[1] // 2)
            views.append(View(0, 0, height, width, to_height, to_width, top, left))
        return views
