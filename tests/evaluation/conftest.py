from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from lit_invariance.classifier import LitClassifier
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.sources import Source


class PixelNet(nn.Module):
    """A random linear map of the pixels: one-pixel moves do change its answers, as they do not a new network's."""

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


@pytest.fixture(scope="session")
def write_run():
    """Write `checkpoints/<name>/best.ckpt` in a folder as a training leaves it."""

    def write(folder, name, mitigations=(), translation=None, num_classes=10, file="best.ckpt", **data):
        torch.manual_seed(len(name))
        network = LitClassifier("tiny_resnet", num_classes=num_classes, image_size=16, mitigations=list(mitigations))
        settings = {"dataset": "shapes", "image_size": 16, "shapes": {"val_images": 23}, "translation": translation}
        path = Path("checkpoints", name, file)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        content = {
            "state_dict": network.state_dict(),
            "hyper_parameters": dict(network.hparams),
            "datamodule_hyper_parameters": dict(InvarianceData(**settings | data).hparams),
        }
        torch.save(content, folder / path)
        return path

    return write


@pytest.fixture
def save_run(in_folder, write_run):
    return partial(write_run, in_folder)
