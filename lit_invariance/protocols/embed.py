"""The picture, shrunk, on a canvas: pasted one pixel further, or one pixel larger."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Generator

from lit_invariance.protocols.background import OnBackground
from lit_invariance.protocols.protocol import draw, one_of
from lit_invariance.protocols.view import View

DIRECTIONS = {"diagonal": (1, 1), "vertical": (1, 0), "horizontal": (0, 1)}
PAPER_SIDE, PAPER_SIZE = 100, 224


@dataclass(frozen=True, kw_only=True)
class Embedding(OnBackground):
    """What the embeddings have in common: the picture at a small size somewhere on an S x S canvas.

    Args:
        min_side: Smaller side of the shrunk picture in pixels. None takes the paper's 100 px of 224 in proportion to S.
            A picture so elongated that it would leave the canvas is held at the longest side that fits instead, S - 1
            on a square.
        location: `"random"`: uniform over the places that keep every view on the canvas; `"centre"`.
    """

    unit: ClassVar[str] = "px"

    min_side: int | None = None
    location: str = "random"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("location", self.location, ("random", "centre"))
        if not 1 <= self.side <= self.shorter - 1:
            raise ValueError(f"min_side is at least 1 and less than the canvas of {self.shorter} px, not {self.side}.")

    @property
    def side(self) -> int:
        """Smaller side of the shrunk picture, in pixels."""
        return self.min_side if self.min_side is not None else round(self.shorter * PAPER_SIDE / PAPER_SIZE)

    def _shrunk(self, height: int, width: int, longer: int) -> tuple[int, int]:
        """Height and width of the picture, `longer` pixels larger on the side that is held to a length."""
        held, length = min(height, width), self.side
        # The side that fills most of the canvas.
        longest, room = max(zip((height, width), self.window, strict=True), key=lambda pair: pair[0] / pair[1])
        if (self.side + 1) * longest > room * held:
            held, length = longest, room - 1
        scale = (length + longer) / held
        return max(1, round(height * scale)), max(1, round(width * scale))

    def _corner(self, height: int, width: int, generator: Generator) -> tuple[int, int]:
        """Top-left corner of a block that has `height` x `width` pixels of the canvas to itself."""
        rows, columns = self.window[0] - height, self.window[1] - width
        if self.location == "centre":
            return rows // 2, columns // 2
        return draw(0, rows, generator), draw(0, columns, generator)


@dataclass(frozen=True, kw_only=True)
class EmbedBlack(Embedding):
    """The shrunk picture at a random place of the canvas, and one pixel further. T = 2.

    Azulay & Weiss 2019, section 2, "embedding with a black background"; Table 1's second row.

    Args:
        direction: `"diagonal"` (+1, +1), `"vertical"` (+1 row) or `"horizontal"` (+1 column).
    """

    name: ClassVar[str] = "embed_black"

    direction: str = "diagonal"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("direction", self.direction, tuple(DIRECTIONS))

    @property
    def steps(self) -> tuple[float, ...]:
        """Move of each view along `direction`, in pixels of the canvas."""
        return (0.0, 1.0)

    def views(self, height: int, width: int, generator: Generator) -> list[View]:
        """Draw the place and paste twice."""
        down, right = DIRECTIONS[self.direction]
        to_height, to_width = self._shrunk(height, width, 0)
        top, left = self._corner(to_height + down, to_width + right, generator)
        return [View(0, 0, height, width, to_height, to_width, top + t * down, left + t * right) for t in range(2)]


@dataclass(frozen=True, kw_only=True)
class EmbedInpaint(EmbedBlack):
    """As `embed_black`, but the picture is continued over the canvas. T = 2.

    Azulay & Weiss 2019, section 2, "embedding with inpainting". The paper does not print the direction; the authors'
    animation moves vertically.
    """

    name: ClassVar[str] = "embed_inpaint"

    background: str = "inpaint"


@dataclass(frozen=True, kw_only=True)
class ScaleBlack(Embedding):
    """The shrunk picture, and the same one pixel larger with its top-left corner in place. T = 2.

    Azulay & Weiss 2019, section 2, "scale": the smaller side grows by one pixel and the aspect ratio is kept.
    """

    name: ClassVar[str] = "scale_black"

    @property
    def steps(self) -> tuple[float, ...]:
        """Growth of each view's smaller side, in pixels."""
        return (0.0, 1.0)

    def views(self, height: int, width: int, generator: Generator) -> list[View]:
        """Draw the corner and paste at both sizes."""
        sizes = [self._shrunk(height, width, t) for t in range(2)]
        top, left = self._corner(*sizes[-1], generator)
        return [View(0, 0, height, width, to_height, to_width, top, left) for to_height, to_width in sizes]
