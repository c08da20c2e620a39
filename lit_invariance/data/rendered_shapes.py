"""The data set `shapes`: rendered once, when it is first needed, and held in memory."""

from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm  # type: ignore[import-untyped]

from lit_invariance.data.shape_distances import SHAPES
from lit_invariance.data.shapes import Scene, draw_scene, render, to_uint8
from lit_invariance.data.source import Splits
from lit_invariance.errors import UserError
from lit_invariance.protocols.protocol import Box
from lit_invariance.protocols.window import Size, sides

PROGRESS_AFTER = 3.0  # seconds


class RenderedShapes:
    """Images of one split, as uint8 in memory (3 size² bytes each): an epoch costs nothing and needs no workers.

    They are drawn when the first of them is asked for, so that a mistake in other settings is told at once.

    Args:
        count: Number of images; the ten classes take turns.
        size: Side of the images in pixels.
        bias: The photographer's bias in [0, 1], see `draw_scene`.
        seed: Names the data set, from 0.
        split: `"train"` or `"val"`; the two never share an image.
        size_bias: The bias of size alone; None takes `bias`.

    Attributes:
        paths: None, as no image has a file.
        labels: `(count,)`.
        about: How many images there are.

    Raises:
        UserError: If they do not fit into memory.
    """

    paths: None = None

    def __init__(
        self, count: int, size: int, bias: float, seed: int, split: str, size_bias: float | None = None
    ) -> None:
        try:
            self._paper = np.empty((count, 3, size, size), dtype=np.uint8)
        except (MemoryError, ValueError, OverflowError) as error:
            raise UserError(
                f"shapes: {count} images of {size} px do not fit into memory; ask for fewer with train_images and "
                "val_images."
            ) from error
        self._scene = partial(draw_scene, size=size, bias=bias, seed=seed, split=split, size_bias=size_bias)
        self._split, self._size = split, size
        self.labels = np.arange(count) % len(SHAPES)
        self.about = f"{count} drawn images of {min(count, len(SHAPES))} shapes"

    @cached_property
    def images(self) -> Tensor:
        """All images, uint8 `(count, 3, size, size)`."""
        shown = {"desc": f"drawing {self._split} shapes", "delay": PROGRESS_AFTER, "leave": False, "disable": None}
        for index in tqdm(range(len(self)), **shown):
            self._paper[index] = to_uint8(render(self._scene(index), self._size))
        return torch.from_numpy(self._paper)

    @cached_property
    def boxes(self) -> list[Box | None]:
        """The boxes of the circles that enclose the shapes."""
        return [box_around(self._scene(index)) for index in range(len(self))]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index], int(self.labels[index])


def box_around(scene: Scene) -> Box:
    """Return the box of the circle that encloses a shape: left, top, right and bottom edge in pixels."""
    (x, y), radius = scene.centre, scene.radius
    return x - radius, y - radius, x + radius, y + radius


def load_shapes(
    image_size: Size,
    seed: int = 0,
    train_images: int = 4000,
    val_images: int = 1000,
    size: int | None = None,
    bias: float = 0.5,
    val_bias: float | None = None,
    size_bias: float | None = None,
) -> Splits:
    """Draw the data set `shapes`.

    Args:
        image_size: Size of the network's input in pixels; the drawn images are square.
        seed: Names the data set, from 0.
        train_images: Number of training images.
        val_images: Number of validation images.
        size: Side of the drawn images; by default an eighth more than the longer side of `image_size`, to leave
            space to move in.
        bias: Photographer's bias in [0, 1]: 0 spreads position and size, 1 fixes both, see `draw_scene`.
        val_bias: The same for validation images; by default that of training.
        size_bias: Bias of size alone, of both parts; by default size has the bias of place.

    Returns:
        The two splits, whose images are drawn when first asked for.

    Raises:
        UserError: If a number is out of its range.
    """
    longest = max(sides(image_size))
    size = longest * 9 // 8 if size is None else size
    val_bias = bias if val_bias is None else val_bias
    counts = {"train_images": train_images, "val_images": val_images, "size": size, "seed": seed}
    smallest = {"train_images": 1, "val_images": 1, "size": longest, "seed": 0}
    for name, value in counts.items():
        least = smallest[name]
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise UserError(f"shapes: {name} is {value}; it must be a whole number, at least {least}.")
    shares = {"bias": bias, "val_bias": val_bias, "size_bias": bias if size_bias is None else size_bias}
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise UserError(f"shapes: {name} is {share}; it must be between 0 and 1.")
    given: dict[str, Any] = {"size": size, "seed": seed, "size_bias": size_bias}
    return Splits(
        class_names=list(SHAPES),
        val=RenderedShapes(val_images, bias=val_bias, split="val", **given),
        load_train=partial(RenderedShapes, train_images, bias=bias, split="train", **given),
    )
