"""What is in a validation batch: pictures in [0, 1] and their labels, however a DataModule packs and scales them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lit_invariance.data.batch import Batch
from lit_invariance.errors import UserError

IMAGE_KEYS = ("image", "images", "pixel_values")
LABEL_KEYS = ("label", "labels", "target")
# Resizing may overshoot, and bfloat16 has three digits.
TOLERANCE = 0.02


@dataclass(frozen=True)
class Scale:
    """How pictures were made the module's input: `(picture - mean) / std`, the picture in [0, 1].

    Args:
        mean: One value a channel.
        std: One value a channel, above 0.
    """

    mean: Sequence[float]
    std: Sequence[float]

    def __post_init__(self) -> None:
        try:
            fit = len(self.mean) == len(self.std) and all(value > 0 for value in self.std)
        except TypeError:  # a single number
            fit = False
        if not fit:
            raise UserError(
                f"mean {self.mean} and std {self.std} must have one value for each channel, and std must be above 0."
            )

    def normalise(self, pictures: Tensor) -> Tensor:
        """Turn pictures `(..., C, H, W)` in [0, 1] into the module's input."""
        mean, std = self._per_channel(pictures)
        return (pictures - mean) / std

    def denormalise(self, inputs: Tensor) -> Tensor:
        """Turn the module's input `(N, C, H, W)` back into pictures, float32 in [0, 1].

        Raises:
            UserError: If mean or std are not those of the data: the pictures are not in [0, 1], or the input is.
        """
        mean, std = self._per_channel(inputs)
        pictures = inputs.float() * std + mean
        whole = pictures.min() >= -TOLERANCE and pictures.max() <= 1 + TOLERANCE
        # Normalised pictures that keep to [0, 1] would have no pixel darker than the mean.
        bare = inputs.min() >= 0 and inputs.max() <= 1 and min(self.mean) > 0
        if bare or not whole:
            low, high = (inputs if bare else pictures).aminmax()
            said = "as they come" if bare else f"denormalised with mean {tuple(self.mean)} and std {tuple(self.std)},"
            wanted = ", so they are not normalised" if bare else " instead of 0 to 1"
            raise UserError(
                f"the validation pictures {said} have values from {low:.2f} to {high:.2f}{wanted}; give "
                "InvarianceCallback the mean and std that the data are normalised with, or mean=(0, 0, 0) and "
                "std=(1, 1, 1) if they are not normalised."
            )
        return pictures.clamp(0, 1)

    def _per_channel(self, images: Tensor) -> tuple[Tensor, Tensor]:
        if images.shape[-3] != len(self.mean):
            raise UserError(
                f"the pictures have {images.shape[-3]} channels, but InvarianceCallback was given mean "
                f"{tuple(self.mean)} and std {tuple(self.std)}; give one value for each channel."
            )
        mean, std = torch.tensor([*zip(self.mean, self.std, strict=True)], device=images.device).T[..., None, None]
        return mean, std


class Contents(NamedTuple):
    """What a validation batch holds.

    Attributes:
        images: Pictures as they stand, `(N, C, H, W)` or N of `(C, H, W)`.
        labels: `(N,)`.
        indices: `(N,)`, positions in the data set, where the batch knows them.
    """

    images: Tensor | list[Tensor]
    labels: Tensor
    indices: Tensor | None = None


def unpack(batch: Any) -> Contents:
    """Find pictures and labels in a validation batch.

    Args:
        batch: `(pictures, labels, ...)`, a mapping with one of `IMAGE_KEYS` and one of `LABEL_KEYS`, or a `Batch`.

    Raises:
        UserError: If they are not found.
    """
    if isinstance(batch, Batch):
        return Contents(*batch)
    images, labels = _found(batch)
    if not isinstance(images, Tensor) or images.ndim != 4 or not isinstance(labels, Tensor):
        raise _unknown(batch)
    if labels.shape != images.shape[:1] or labels.is_floating_point():
        raise UserError(
            "InvarianceCallback needs one class number for each picture, not labels of shape "
            f"{tuple(labels.shape)} and type {labels.dtype}."
        )
    return Contents(images, labels)


def _found(batch: Any) -> tuple[Any, Any]:
    if isinstance(batch, Mapping):
        image = next((key for key in IMAGE_KEYS if key in batch), None)
        label = next((key for key in LABEL_KEYS if key in batch), None)
        if image is not None and label is not None:
            return batch[image], batch[label]
    elif isinstance(batch, Sequence) and len(batch) >= 2:
        return batch[0], batch[1]
    raise _unknown(batch)


def _unknown(batch: Any) -> UserError:
    content = f"the keys {', '.join(map(str, batch))}" if isinstance(batch, Mapping) else type(batch).__name__
    return UserError(
        f"InvarianceCallback cannot find pictures (N, C, H, W) and labels (N,) in a validation batch with {content}; "
        f"it knows (pictures, labels) and mappings with {' or '.join(IMAGE_KEYS)} and {' or '.join(LABEL_KEYS)}; let "
        "the batches have one of these forms, or set data= to the source pictures and give each protocol its option "
        "size."
    )
