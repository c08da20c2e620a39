"""Pictures of a data set that is not this project's, as a `Source`."""

from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from lit_invariance.data.images import to_rgb
from lit_invariance.errors import UserError


class LabelledPictures:
    """A source made of any map-style data set.

    Args:
        dataset: Gives (PIL image of any mode, or tensor `(3, H, W)` or, grey, `(1, H, W)`, uint8 or float in [0, 1];
            class number).
        outputs: Number of classes; where given, labels from 0 to one less are accepted.

    Attributes:
        paths: None.
        boxes: None.
        about: How many images there are.

    Raises:
        UserError: If it has no length or no positions.
    """

    paths: None = None
    boxes: None = None

    def __init__(self, dataset: Dataset[Any], outputs: int | None = None) -> None:
        if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
            raise UserError(
                f"{type(dataset).__name__} is not a data set with a length and positions; give a folder, or a Dataset "
                "of (PIL image or uint8 tensor, label)."
            )
        self.dataset, self.outputs = dataset, outputs
        self.about = f"{len(dataset)} images of {type(dataset).__name__}"

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return the image, `(3, H, W)`, uint8 or float in [0, 1], and its label.

        Raises:
            UserError: If the data set gives anything else, or no class has this label.
        """
        sample: Any = self.dataset[index]
        if not isinstance(sample, tuple | list) or len(sample) < 2:
            raise self._refusal(index, f"is {_kind(sample)}")
        return self._picture(index, sample[0]), self._label(index, sample[1])

    def _picture(self, index: int, picture: Any) -> Tensor:
        if isinstance(picture, Image.Image):
            return to_rgb(picture)
        if not isinstance(picture, Tensor) or picture.ndim != 3 or len(picture) not in (1, 3):
            raise self._refusal(index, f"holds {_kind(picture)}")
        # Torchvision has a kind of tensor of its own; a grey picture has three equal channels here.
        plain: Tensor = picture.as_subclass(Tensor).expand(3, -1, -1)
        if plain.dtype == torch.uint8:
            return plain
        low, high = plain.aminmax()
        if not plain.is_floating_point() or not 0 <= low <= high <= 1:
            raise self._refusal(index, f"holds a tensor of values from {low:.4g} to {high:.4g}")
        return plain.float()

    def _label(self, index: int, label: Any) -> int:
        try:
            number = int(label)
        except (TypeError, ValueError, RuntimeError) as error:
            raise self._refusal(index, f"has the label {_kind(label)}") from error
        if number < 0 or (self.outputs is not None and number >= self.outputs):
            raise UserError(
                f"item {index} of {type(self.dataset).__name__} has the label {number}, but the classes are 0 to "
                f"{'...' if self.outputs is None else self.outputs - 1}; give the numbers of the network's outputs."
            )
        return number

    def _refusal(self, index: int, what: str) -> UserError:
        return UserError(
            f"item {index} of {type(self.dataset).__name__} {what}, not a pair of PIL image or tensor (3, H, W), "
            "uint8 or float in [0, 1], and class number; leave out Normalize, because views are made from the "
            "decoded pictures."
        )


def _kind(value: Any) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
