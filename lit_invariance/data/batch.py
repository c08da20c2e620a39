"""Validation batches: decoded images of any size, each with its position in the data set."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from lit_invariance.data.source import Source
from lit_invariance.names import printable
from lit_invariance.protocols.protocol import Box

Sample = tuple[Tensor, int, int]


class Batch(NamedTuple):
    """Images to be turned into views on the device.

    Attributes:
        images: N decoded images, uint8 (3, H, W), each of its own size.
        labels: int64 (N,).
        indices: int64 (N,), positions in the whole validation set.
    """

    images: list[Tensor]
    labels: Tensor
    indices: Tensor


class Positioned(Dataset[Sample]):
    """Images of a source, with their positions in it.

    Args:
        source: Decoded images with labels.
        positions: Those to give out, in order; all of them where not given.
    """

    def __init__(self, source: Source, positions: Sequence[int] | None = None) -> None:
        self.source = source
        self.positions = range(len(source)) if positions is None else positions

    def name(self, position: int) -> str:
        """Say which image is at a position of the source: its file, if it has one."""
        file = self.file(position)
        return f"image {position}" if file is None else f"image {position} ({printable(file)})"

    def file(self, position: int) -> str | None:
        """Return the file of the image at a position of the source, if it has its own."""
        paths = self.source.paths
        return None if paths is None else paths[position]

    def box(self, position: int) -> Box | None:
        """Return the object's box in the image at a position of the source, if it is known."""
        boxes = self.source.boxes
        return None if boxes is None else boxes[position]

    def __len__(self) -> int:
        """Return the number of images given out."""
        return len(self.positions)

    def __getitem__(self, index: int) -> Sample:
        """Return the image, its label and its position in the source."""
        position = self.positions[index]
        return *self.source[position], position


def collate(samples: Sequence[Sample]) -> Batch:
    """Gather samples into a batch.

    The images of a batch become views of one block of memory: a worker hands memory on as open files, and one for each
    image would run into the usual limit of 1024.

    Args:
        samples: N triples of image, label and position.

    Returns:
        The batch; images keep their sizes.
    """
    images, labels, positions = zip(*samples, strict=True)
    block = torch.cat([image.reshape(-1) for image in images])
    parts = block.tensor_split(np.cumsum([image.numel() for image in images])[:-1].tolist())
    return Batch(
        images=[part.view(image.shape) for part, image in zip(parts, images, strict=True)],
        labels=torch.tensor(labels, dtype=torch.int64),
        indices=torch.tensor(positions, dtype=torch.int64),
    )
