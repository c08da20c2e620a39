"""Protocols whose views are rectangles of the image, resized and placed on a canvas."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Generator, Tensor

from lit_invariance.protocols.protocol import Box, Protocol
from lit_invariance.protocols.together import in_portions, render_together
from lit_invariance.protocols.view import View, render


@dataclass(frozen=True, kw_only=True)
class Placed(Protocol):
    """A protocol that gives the positions of its views; the renderer draws them."""

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

    def placed(self, height: int, width: int, generator: Generator, box: Box | None = None) -> list[View] | None:
        """Place all views."""
        return self.views(height, width, generator)

    def parts(self, image: Tensor, generator: Generator, most: int, box: Box | None = None) -> Iterator[Tensor]:
        """Place all views, then draw them a few at a time."""
        views = self.views(image.shape[-2], image.shape[-1], generator)
        for start in range(0, len(views), most):
            yield self.drawn(image, views[start : start + most])

    def drawn(self, image: Tensor, views: Sequence[View]) -> Tensor:
        """Draw some of the views, `(t, C, H, W)`."""
        return self.finished(render(image, views, self.size, self.canvas, self.resizing), views)

    def finished(self, stack: Tensor, views: Sequence[View]) -> Tensor:
        """Do what is left to do to views `(t, C, H, W)` that lie on their canvas."""
        return stack

    def together(self, images: Sequence[Tensor], generators: Sequence[Generator]) -> Iterator[Tensor]:
        """Make all views of several images on an accelerator, in few launches.

        Args:
            images: N images `(C, H, W)` of any size on one device, all uint8 or all float in [0, 1].
            generators: Each image's own generator.

        Yields:
            `(n, C, H, W)` as from `parts`, the views of the first image first.

        Raises:
            ValueError: If an image is too small.
        """
        placed = [
            self.views(image.shape[-2], image.shape[-1], made) for image, made in zip(images, generators, strict=True)
        ]
        for some in in_portions(images, len(self.steps), self.window[1]):
            stack = render_together(images[some], placed[some], self.size, self.canvas, self.resizing)
            yield self.finished(stack.flatten(0, 1), [view for of_one in placed[some] for view in of_one])
