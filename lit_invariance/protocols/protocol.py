"""The base of all protocols: an image in, an ordered stack of neighbouring views out."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from lit_invariance.protocols.view import Resizing, View
from lit_invariance.protocols.window import Size, as_size, sides

Box = tuple[float, float, float, float]
"""Left, top, right and bottom edge of an object, in pixels of the decoded image."""

INTERPOLATIONS = ("bilinear", "bicubic", "lanczos")
ROUNDINGS = ("float", "uint8")
BACKGROUNDS = ("black", "mean")


def generator_for(seed: int, protocol: str, index: int, draw: int = 0) -> Generator:
    """Return an image's own random generator, the same for any batch size, worker count, device and order.

    Args:
        seed: The run's seed.
        protocol: Name of the protocol.
        index: Position of the image in its data set.
        draw: Which draw of the image's geometry it is for, from 0.

    Returns:
        A CPU generator.
    """
    further = f"/{draw}" if draw else ""
    digest = hashlib.sha256(f"{seed}/{protocol}/{index}{further}".encode()).digest()
    return Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def draw(low: int, high: int, generator: Generator) -> int:
    """Draw a whole number uniformly from `low..high`, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def draw_uniform(low: float, high: float, generator: Generator) -> float:
    """Draw a real number uniformly from `[low, high)`."""
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


def one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a value that is not among the known ones.

    Raises:
        ValueError: If it is not; the message names the option and the values it takes.
    """
    if value not in known:
        raise ValueError(f"{option} is one of {', '.join(known)}, not {value!r}.")


def at_least(option: str, value: int, least: int) -> None:
    """Refuse a value that is not a whole number or is too small.

    Raises:
        ValueError: If so; the message names the option.
    """
    if not isinstance(value, int) or value < least:
        raise ValueError(f"{option} is a whole number of at least {least}, not {value!r}.")


@dataclass(frozen=True, kw_only=True)
class Protocol(ABC):
    """One image -> T views whose neighbours differ by one step.

    Attributes:
        name: Its name in configs and tables.
        unit: Unit of the `steps`.
        headline: The scores that tables show; all of them are measured.
        needs_boxes: Whether it passes over images whose object has no known box.
        against_first: Whether each view is compared with the first one rather than with the one before.

    Args:
        size: Side S of a view in pixels, or [H, W]: the network's input. Where a length is said to be in proportion to
            S, it is to the shorter of H and W.
        mean: The network's channel means in [0, 1]; what `background: mean` shows, zero after normalisation.
        interpolation: `"bilinear"`, `"bicubic"` or `"lanczos"`, always with an antialiasing kernel.
        rounding: `"float"` keeps resized pixels as they come out; `"uint8"` rounds them to 256 levels as Pillow does,
            see `Resizing`. What is not resized is not rounded.
    """

    name: ClassVar[str]
    unit: ClassVar[str]
    headline: ClassVar[tuple[str, ...]] = (
        "accuracy",
        "top1_change",
        "mean_absolute_change",
        "top1_change_given_correct",
    )
    needs_boxes: ClassVar[bool] = False
    against_first: ClassVar[bool] = False

    size: Size = 224
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    interpolation: str = "bilinear"
    rounding: str = "float"

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", as_size(self.size))  # a config gives a list
        if self.shorter < 2:
            raise ValueError(f"size is at least 2 pixels, not {self.shorter}.")
        one_of("interpolation", self.interpolation, INTERPOLATIONS)
        one_of("rounding", self.rounding, ROUNDINGS)

    @property
    def window(self) -> tuple[int, int]:
        """Rows and columns (H, W) of a view."""
        return sides(self.size)

    @property
    def shorter(self) -> int:
        """The shorter side of a view; S of a square."""
        return min(self.window)

    @property
    def resizing(self) -> Resizing:
        """How pixels are resized."""
        return Resizing(self.interpolation, self.rounding)

    @property
    @abstractmethod
    def steps(self) -> tuple[float, ...]:
        """Coordinate of each of the T views, in `unit`."""

    @property
    def reference(self) -> int | None:
        """Place in `steps` of the picture where it is, of which the other views are moves; None where none is."""
        return None

    @property
    def view_names(self) -> tuple[str, ...] | None:
        """What each of the T views is, in a few words, where its step does not say it."""
        return None

    @property
    def canvas(self) -> tuple[float, ...]:
        """Colour of the pixels that no picture covers."""
        return (0.0,) * len(self.mean)

    @abstractmethod
    def parts(self, image: Tensor, generator: Generator, most: int, box: Box | None = None) -> Iterator[Tensor]:
        """Make the views a few at a time, because a thousand of them would not fit into memory.

        Args:
            image: `(C, H, W)`, uint8 or float in [0, 1].
            generator: The image's own generator, from `generator_for`.
            most: Maximum number of views to hold at once.
            box: Where the object is, for protocols that keep it in view.

        Yields:
            `(t, C, H, W)` with t up to `most`, float32 in [0, 1], on the image's device; the views of `shown` in order.

        Raises:
            ValueError: If the image is too small for a protocol that passes none over.
        """

    def of_file(self, path: str | None) -> "Protocol":
        """Return the protocol for an image that was decoded from a file; None for one that has no file of its own."""
        return self

    def shown(self, height: int, width: int, box: Box | None = None) -> range:
        """Say which of the `steps` fit into an image: all of them, unless a protocol says otherwise.

        Args:
            height: Rows of the image.
            width: Columns of the image.
            box: Where the object is.

        Returns:
            Positions in `steps`; an empty range where the protocol passes the image over.
        """
        return range(len(self.steps))

    def placed(self, height: int, width: int, generator: Generator, box: Box | None = None) -> list[View] | None:
        """Place the views of `shown`, if they are rectangles of the image on a canvas of one colour.

        Args:
            height: Rows of the image.
            width: Columns of the image.
            generator: The image's own generator, from `generator_for`.
            box: Where the object is.

        Returns:
            Their places; None where views are made in another way.
        """
        return None

    def __call__(self, image: Tensor, generator: Generator, box: Box | None = None) -> Tensor:
        """Make all the views at once.

        Args:
            image: `(C, H, W)`, uint8 or float in [0, 1].
            generator: The image's own generator, from `generator_for`.
            box: Where the object is.

        Returns:
            `(T, C, H, W)`, float32 in [0, 1], on the image's device.

        Raises:
            ValueError: If the image is too small.
        """
        parts = list(self.parts(image, generator, len(self.steps), box))
        if not parts:
            raise ValueError(f"{self.name} has no view of an image of {image.shape[-1]} x {image.shape[-2]} pixels.")
        return torch.cat(parts)
