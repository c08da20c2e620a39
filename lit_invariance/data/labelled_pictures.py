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
        dataset: Gives (PIL image of any mode, or uint8 tensor `(3, H, W)`; class number).

    Attributes:
        paths: None.
        boxes: None.
        about: How many images there are.

    Raises:
        UserError: If it has no length or no positions.
    """

    paths: None = None
    boxes: None = None

    def __init__(self, dataset: Dataset[Any]) -> None:
        if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
            raise UserError(
                f"{type(dataset).__name__} is no data set with a length and positions; give a folder, or a Dataset of "
                "(PIL image or uint8 tensor, label)."
            )
        self.dataset = dataset
        self.about = f"{len(dataset)} images of {type(dataset).__name__}"

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return the image, uint8 (3, H, W), and its label.

        Raises:
            UserError: If the data set gives anything else.
        """
        sample: Any = self.dataset[index]
        if isinstance(sample, tuple | list) and len(sample) >= 2:
            picture, label = sample[0], sample[1]
            if isinstance(picture, Image.Image):
                picture = to_rgb(picture)
            if isinstance(picture, Tensor) and picture.dtype == torch.uint8 and picture.ndim == 3:
                return picture, int(label)
        raise UserError(
            f"item {index} of {type(self.dataset).__name__} is not a pair of PIL image or uint8 tensor (3, H, W) and "
            "label; leave out ToTensor and Normalize, because views are made of the pictures as they were decoded."
        )
