"""What every protocol is: an image in, an ordered stack of neighbouring views out."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from lit_invariance.protocols.view import View, render

INTERPOLATIONS = ("bilinear", "bicubic", "lanczos")
BACKGROUNDS = ("black", "mean")


def generator_for(seed: int, protocol: str, index: int) -> Generator:
    """Return an image's own random generator, the same for any batch size, worker count, device and order.

    Args:
        seed: The run's seed.
        protocol: Name of the protocol.
        index: Position of the image in its data set.

    Returns:
        A CPU generator.
    """
    digest = hashlib.sha256(f"{seed}/{protocol}/{index}".encode()).digest()
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


@dataclass(frozen=True, kw_only=True)
class Protocol(ABC):
    """One image -> T views whose neighbours differ by one step.

    Args:
        size: Side S of a view in pixels: the network's input.
        mean: The network's channel means in [0, 1]; what `background: mean` shows, zero after normalisation.
        interpolation: `"bilinear"`, `"bicubic"` or `"lanczos"`, always with an antialiasing kernel.
    """

    name: ClassVar[str]
    unit: ClassVar[str]

    size: int = 224
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        if self.size < 2:
            raise ValueError(f"size is at least 2 pixels, not {self.size}.")
        one_of("interpolation", self.interpolation, INTERPOLATIONS)

    @property
    @abstractmethod
    def steps(self) -> tuple[float, ...]:
        """Coordinate of each of the T views, in `unit`."""

    @abstractmethod
    def views(self, height: int, width: int, generator: Generator) -> list[View]:
        """Place the T views of an image.

        Args:
            height: Rows of the image.
            width: Columns of the image.
            generator: The image's own generator.

        Raises:
            ValueError: If the image is too small.
        """

    @property
    def canvas(self) -> tuple[float, ...]:
        """Colour of what no picture covers."""
        return (0.0,) * len(self.mean)

    def __call__(self, image: Tensor, generator: Generator) -> Tensor:
        """Make the views.

        Args:
            image: `(C, H, W)`, uint8 or float in [0, 1].
            generator: The image's own generator, from `generator_for`.

        Returns:
            `(T, C, S, S)`, float32 in [0, 1], on the image's device.

        Raises:
            ValueError: If the image is too small.
        """
        views = self.views(image.shape[-2], image.shape[-1], generator)
        return render(image, views, self.size, self.canvas, self.interpolation)
