import numpy as np
import pytest
import torch
from torch import nn

from lit_invariance.data.batch import Batch


@pytest.fixture
def noise_batches():
    """A function that makes batches of white-noise pictures, uniform over the 256 values of a byte."""

    def make(count, size, seed=0):
        pixels = np.random.default_rng(seed).integers(0, 256, (count, 3, size, size), dtype=np.uint8)
        images = list(torch.from_numpy(pixels))
        positions = torch.arange(count)
        return [Batch(images[i : i + 8], positions[i : i + 8] % 10, positions[i : i + 8]) for i in range(0, count, 8)]

    return make


@pytest.fixture
def subsampling():
    """A function that makes a network whose one layer keeps every s-th sample of each channel."""

    def make(stride):
        layer = nn.Conv2d(3, 3, 1, stride=stride, groups=3, bias=False)
        nn.init.ones_(layer.weight)
        return nn.Sequential(layer)

    return make
