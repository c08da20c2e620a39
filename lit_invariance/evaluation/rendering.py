"""Making the views of images under a task, as many at a time as fit into memory."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from pytorch_lightning.utilities.memory import garbage_collection_cuda
from torch import Generator, Tensor

from lit_invariance.data.batch import Positioned
from lit_invariance.errors import UserError
from lit_invariance.evaluation.plan import Task
from lit_invariance.execution.memory import is_out_of_memory
from lit_invariance.protocols import generator_for
from lit_invariance.protocols.placed import Placed
from lit_invariance.protocols.protocol import Box

VIEWS_AT_ONCE = 64
Boxes = Mapping[int, Box | None]
"""Position in the data set to the object's box."""
Numbered = tuple[Tensor, int]
"""A decoded image, and its position in the data set."""


class Renderer:
    """Makes views, the same ones for the same seed.

    Args:
        images: The data set, for the names of its images.
        seed: Seed of the views.

    Attributes:
        views_at_once: Maximum number of views of an image that are made together; halved if they do not fit.
        together: Whether views of several images are made together; no longer, once they did not fit.
    """

    def __init__(self, images: Positioned, seed: int) -> None:
        self.images, self.seed, self.views_at_once = images, seed, VIEWS_AT_ONCE
        self.together = True

    def draws_anything(self, task: Task, image: Tensor, index: int, box: Box | None) -> bool:
        """Tell whether the geometry of an image's views is random."""
        generator = self._generator(task, index, 0)
        before = generator.get_state()
        protocol = task.protocol.of_file(self.images.file(index))
        for _ in protocol.parts(image, generator, self.views_at_once, box):
            pass
        return not before.equal(generator.get_state())

    def several(self, task: Task, numbered: Sequence[Numbered], boxes: Boxes, draw: int = 0) -> Iterator[Tensor]:
        """Make the views of several images, of one image after another; on an accelerator together where that serves.

        Args:
            task: Says which views.
            numbered: The decoded images and their positions in the data set.
            boxes: Where the objects are.
            draw: Which draw of the geometry it is.

        Yields:
            `(n, C, S, S)`, float32 in [0, 1].

        Raises:
            UserError: If an image is too small, or not even one view fits into memory.
        """
        together = self._together(task, numbered, draw) if self.together and _on_accelerator(numbered) else []
        yield from together
        if not together:
            for image, index in numbered:
                yield from self.views(task, image, index, boxes[index], draw)

    def _together(self, task: Task, numbered: Sequence[Numbered], draw: int) -> list[Tensor]:
        """All views at once; none where the protocol cannot, or something is wrong that is told image by image."""
        if not isinstance(task.protocol, Placed) or any(image.dtype != torch.uint8 for image, _ in numbered):
            return []
        generators = [self._generator(task, index, draw) for _, index in numbered]
        try:
            return list(task.protocol.together([image for image, _ in numbered], generators))
        except ValueError:
            return []
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self.together = False
        garbage_collection_cuda()
        return []

    def views(self, task: Task, image: Tensor, index: int, box: Box | None, draw: int = 0) -> Iterator[Tensor]:
        """Make the views of an image, some at a time.

        Args:
            task: Says which views.
            image: The decoded image.
            index: Its position in the data set.
            box: Where the object is.
            draw: Which draw of the geometry it is.

        Yields:
            `(t, C, S, S)`, float32 in [0, 1].

        Raises:
            UserError: If the image is too small, or not even one view fits into memory.
        """
        done = 0
        while True:
            try:
                for part in self._from(done, task, image, index, box, draw):
                    done += len(part)
                    yield part
                return
            except ValueError as error:
                raise UserError(f"protocol {task.label} cannot show {self.images.name(index)}: {error}") from error
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or self.views_at_once == 1:
                    raise
                self.views_at_once //= 2
            garbage_collection_cuda()

    def _from(self, done: int, task: Task, image: Tensor, index: int, box: Box | None, draw: int) -> Iterator[Tensor]:
        """The views behind those that are done; a protocol makes an image's views in one order only."""
        seen, protocol = 0, task.protocol.of_file(self.images.file(index))
        for part in protocol.parts(image, self._generator(task, index, draw), self.views_at_once, box):
            fresh = part[max(done - seen, 0) :]
            seen += len(part)
            if len(fresh):
                yield fresh

    def _generator(self, task: Task, index: int, draw: int) -> Generator:
        return generator_for(self.seed, task.protocol.name, index, draw)


def _on_accelerator(numbered: Sequence[Numbered]) -> bool:
    return any(image.device.type != "cpu" for image, _ in numbered)
