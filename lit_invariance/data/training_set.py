"""Training images: each shown in a different view in every epoch."""

from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from lit_invariance.data.augmentation import TrainingView
from lit_invariance.data.epochs import Place
from lit_invariance.data.source import Source


class TrainingSet(Dataset[dict[str, Any]]):
    """Images of a source, shown in a different view in every epoch.

    Args:
        source: Decoded images with labels.
        view: Turns an image into the network's input.
    """

    def __init__(self, source: Source, view: TrainingView) -> None:
        self.source, self.view = source, view

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.source)

    def __getitem__(self, place: Place | int) -> dict[str, Tensor | int]:
        """Return `{"image": uint8 (3, S, S), "label": int}`; a position without an epoch counts as the first epoch."""
        epoch, index = place if isinstance(place, tuple) else (0, place)
        image, label = self.source[index]
        if image.is_floating_point():  # as a user's own data set may have them
            image = (image * 255).round().byte()
        return {"image": self.view(image, (epoch, index)), "label": label}
