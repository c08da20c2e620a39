import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn


class SmallNet(nn.Module):
    """A network of nobody's library, for pictures of 16 px, which drops half of its features in training mode."""

    def __init__(self, seed=0, classes=3):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.layer, self.drop = nn.Conv2d(3, 8, 5, stride=3), nn.Dropout()
        self.head = nn.Linear(8 * 4 * 4, classes)
        for parameter in self.parameters():
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator))

    def forward(self, images):
        return self.head(self.drop(self.layer(images).relu().flatten(1)))


@pytest.fixture
def small_net():
    return SmallNet


@pytest.fixture(scope="session")
def pictures():
    """Nine pictures of several sizes, with labels 0 to 2."""
    random = np.random.default_rng(0)
    sizes = [(24 + 3 * number, 40 - 2 * number) for number in range(9)]
    pixels = [random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    return [(Image.fromarray(picture), number % 3) for number, picture in enumerate(pixels)]


QUICK = {"image_size": 16, "progress": False, "cost": False, "accelerator": "cpu"}


@pytest.fixture
def quick():
    """Options of an evaluation that takes no time."""
    return QUICK


@pytest.fixture
def write_folder(tmp_path):
    """A function that writes labelled pictures as a folder of class folders."""

    def write(labelled):
        for number, (picture, label) in enumerate(labelled):
            path = tmp_path / "photos" / f"class{label}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
        return tmp_path / "photos"

    return write
