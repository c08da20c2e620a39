"""Pictures of one size that are held in memory, and training batches that are augmented as a whole."""

import typing
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from lit_invariance.data.augmentation import FILLS, pad_options
from lit_invariance.data.epochs import Place, generator_of
from lit_invariance.data.source import Source
from lit_invariance.protocols.standard import target_of
from lit_invariance.protocols.window import Size, sides


@typing.runtime_checkable
class Held(Source, typing.Protocol):
    """A source whose pictures have one size and are held in memory."""

    @property
    def images(self) -> Tensor:
        """All pictures, uint8 (N, 3, H, W)."""
        ...

    @property
    def labels(self) -> NDArray[np.int64]:
        """Their labels, (N,)."""
        ...


class HeldImages:
    """Pictures of one size in memory: an epoch needs no decoding and no workers.

    Args:
        images: uint8 (N, 3, H, W).
        labels: (N,).
        about: How many images these are, and where.

    Attributes:
        paths: None, as no image has a file of its own.
        boxes: None.
    """

    paths: None = None
    boxes: None = None

    def __init__(self, images: Tensor, labels: NDArray[np.int64], about: str) -> None:
        self.images, self.labels, self.about = images, labels, about

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index], int(self.labels[index])


class HeldTrainingSet(Dataset[Any]):
    """Gives whole batches of a source in memory, each picture in a different view in every epoch.

    One gather for a batch replaces a call of albumentations for each picture. The views are distributed as those of
    `TrainingView`, but drawn in another order: an epoch's draws for all pictures come from one generator, made from the
    seed and the epoch.

    Args:
        source: Pictures that `augments` accepts.
        image_size: Side S of the views in pixels, or (H, W).
        flip: Mirror left to right with probability one half.
        translation: None, or of kind `pad`, as in `TrainingView`.
        seed: Seed of the training.
    """

    def __init__(
        self, source: Held, image_size: Size, flip: bool, translation: dict[str, Any] | None, seed: int
    ) -> None:
        self.source, self.window, self.flip, self.seed = source, sides(image_size), flip, seed
        options = {key: value for key, value in (translation or {}).items() if key != "kind"}
        self.padding = pad_options(image_size, **options) if translation else None
        self._drawn: tuple[int, Tensor, Tensor] | None = None

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.source)

    def __getitems__(self, places: list[Place]) -> dict[str, Tensor]:
        """Return `{"image": uint8 (N, 3, S, S), "label": int64 (N,)}` for N places of one epoch."""
        epoch, chosen = places[0][0], torch.tensor([position for _, position in places])
        corners, mirrored = self._draws(epoch)
        labels = torch.from_numpy(np.asarray(self.source.labels, dtype=np.int64)[chosen.numpy()])
        return {"image": self._windows(chosen, corners[chosen], mirrored[chosen]), "label": labels}

    def _draws(self, epoch: int) -> tuple[Tensor, Tensor]:
        """Top left corner `(N, 2)` of every picture's window, and whether it is mirrored `(N,)`."""
        if self._drawn is None or self._drawn[0] != epoch:
            count, lengths = len(self.source), list(zip(self.source.images.shape[2:], self.window, strict=True))
            generator = generator_of("block", self.seed, epoch)
            if self.padding is None:
                corners = np.tile([(length - side) // 2 for length, side in lengths], (count, 1))
            else:
                pixels = self.padding[0]
                places = [length + 2 * pixels - side + 1 for length, side in lengths]
                corners = generator.integers(0, places, (count, 2)) - pixels
            mirrored = generator.random(count) < (0.5 if self.flip else 0.0)
            self._drawn = epoch, torch.from_numpy(corners), torch.from_numpy(mirrored)
        return self._drawn[1:]

    def _windows(self, chosen: Tensor, corners: Tensor, mirrored: Tensor) -> Tensor:
        height, width = self.source.images.shape[2:]
        rows, columns = (corners[:, axis, None] + torch.arange(side) for axis, side in enumerate(self.window))
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
        taken_rows, taken_columns = _mirrored(rows, height), _mirrored(columns, width)
        channels = torch.arange(3)[:, None, None]
        windows = self.source.images[
            chosen[:, None, None, None], channels, taken_rows[:, None, :, None], taken_columns[:, None, None, :]
        ]
        colour = None if self.padding is None else FILLS[self.padding[1]].get("fill")
        if colour is None:
            return windows
        outside = (rows != taken_rows)[:, None, :, None] | (columns != taken_columns)[:, None, None, :]
        return torch.where(outside, torch.tensor(colour, dtype=torch.uint8)[:, None, None], windows)


def augments(source: Source, image_size: Size, translation: dict[str, Any] | None) -> typing.TypeGuard[Held]:
    """Say whether `HeldTrainingSet` can augment a source.

    Args:
        source: Pictures.
        image_size: Side S of the views in pixels, or (H, W).
        translation: As in `TrainingView`.

    Returns:
        Whether the pictures are in memory and `TrainingView` would only cut windows out of them.
    """
    if not isinstance(source, Held) or (translation is not None and translation.get("kind") != "pad"):
        return False
    height, width = source.images.shape[2:]
    rows, columns = target_of(height, width, sides(image_size))
    return min(height / rows, width / columns) == 1


def whole(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Pass a batch on as it is: the `collate_fn` for data that give whole batches."""
    return batch


def _mirrored(positions: Tensor, side: int) -> Tensor:
    """Reflect positions outside `[0, side)` at the border pixels, without repeating these."""
    period = max(1, 2 * (side - 1))
    folded = positions.remainder(period)
    return torch.minimum(folded, period - folded)
