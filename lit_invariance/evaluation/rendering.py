"""Making the views of images under a task, as many at a time as fit into memory."""

from collections.abc import Iterator, Mapping

from pytorch_lightning.utilities.memory import garbage_collection_cuda
from torch import Generator, Tensor

from lit_invariance.data.batch import Positioned
from lit_invariance.errors import UserError
from lit_invariance.evaluation.plan import Task
from lit_invariance.execution.memory import is_out_of_memory
from lit_invariance.protocols import generator_for
from lit_invariance.protocols.protocol import Box

VIEWS_AT_ONCE = 64
Boxes = Mapping[int, Box | None]
"""Position in the data set to the object's box."""


class Renderer:
    """Makes views, the same ones for the same seed.

    Args:
        images: The data set, for the names of its images.
        seed: Seed of the views.

    Attributes:
        views_at_once: Maximum number of views of an image that are made together; halved if they do not fit.
    """

    def __init__(self, images: Positioned, seed: int) -> None:
        self.images, self.seed, self.views_at_once = images, seed, VIEWS_AT_ONCE

    def draws_anything(self, task: Task, image: Tensor, index: int, box: Box | None) -> bool:
        """Tell whether the geometry of an image's views is random."""
        generator = self._generator(task, index, 0)
        before = generator.get_state()
        for _ in task.protocol.parts(image, generator, self.views_at_once, box):
            pass
        return not before.equal(generator.get_state())

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
        seen = 0
        for part in task.protocol.parts(image, self._generator(task, index, draw), self.views_at_once, box):
            fresh = part[max(done - seen, 0) :]
            seen += len(part)
            if len(fresh):
                yield fresh

    def _generator(self, task: Task, index: int, draw: int) -> Generator:
        return generator_for(self.seed, task.protocol.name, index, draw)
