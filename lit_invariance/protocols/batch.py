"""The views of a whole batch of decoded images, each with its own generator."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lit_invariance.protocols.protocol import Protocol, generator_for


class ImageTooSmall(ValueError):
    """An image that a protocol cannot show.

    Args:
        index: Its position in the data set.
        reason: Why.
    """

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"image {index}: {reason}")
        self.index, self.reason = index, reason


def views_of(protocol: Protocol, images: Sequence[Tensor], indices: Tensor, seed: int) -> Tensor:
    """Make the views of a batch, on the images' device.

    Args:
        protocol: The protocol.
        images: N decoded images `(C, H, W)` of any size, uint8 or float in [0, 1].
        indices: `(N,)`, the images' positions in their data set; they seed the draws.
        seed: The run's seed.

    Returns:
        `(N, T, C, S, S)`, float32 in [0, 1].

    Raises:
        ImageTooSmall: If an image is too small, or only some of the views fit into it.
    """
    stacks = []
    for image, index in zip(images, indices.tolist(), strict=True):
        try:
            if len(protocol.shown(image.shape[-2], image.shape[-1])) < len(protocol.steps):
                raise ValueError(f"it does not have all {len(protocol.steps)} views of {protocol.name}.")
            stacks.append(protocol(image, generator_for(seed, protocol.name, index)))
        except ValueError as error:
            raise ImageTooSmall(index, str(error)) from error
    return torch.stack(stacks)
