import pytest
import torch
from torch import nn

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.sources import Source


class PixelNet(nn.Module):
    """A random linear map of the pixels: its answers do change with one-pixel moves, as those of a new network do not."""

    def __init__(self, seed=0, image_size=16, mean=(0.5, 0.5, 0.5), num_classes=10):
        super().__init__()
        self.image_size, self.mean = image_size, mean
        generator = torch.Generator().manual_seed(seed)
        self.weight = torch.nn.Parameter(torch.randn(num_classes, 3 * image_size**2, generator=generator))
        self.calls = []

    def forward(self, images):
        self.calls.append(images.detach().clone())
        return 0.3 * (images - 0.4).flatten(1) @ self.weight.T


@pytest.fixture
def pixel_model():
    return lambda name, **options: Model(Source(name, name), PixelNet(**options))


@pytest.fixture
def shapes():
    def make(**options):
        settings = {"dataset": "shapes", "image_size": 16, "shapes": {"val_images": 23}, "batch_size": 8}
        return InvarianceData(**settings | options)

    return make
