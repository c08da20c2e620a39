import hashlib
import logging
import os
import pickle
from functools import partial
from pathlib import Path

import cv2
import hypothesis
import numpy as np
import pytest
import torch
from torch import nn
from torchvision.datasets import CIFAR10

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.evaluation.model_sources import ModelSource
from lit_invariance.evaluation.models import Model
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.training.classifier import LitClassifier

ROOT = Path(__file__).resolve().parent.parent

# Lightning passes its messages on, to where caplog listens, only if something listened when it was imported.
logging.getLogger("pytorch_lightning").propagate = True

# No test depends on how fast the machine is, nor on which examples a run happens to draw.
hypothesis.settings.register_profile("everywhere", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("everywhere")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real images and weights, which are no part of the project."""
    folder = Path(os.environ.get("LIT_INVARIANCE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real images and weights at {folder}; LIT_INVARIANCE_DATA names their folder")
    return folder


@pytest.fixture
def in_folder(tmp_path, monkeypatch) -> Path:
    """An empty working directory, for outputs are written relative to it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


CIFAR10_FILES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


@pytest.fixture
def write_cifar10(monkeypatch):
    """A function that writes a small CIFAR-10 in the official format, its checksums in place of the official ones."""

    def write(root: Path) -> np.ndarray:
        folder = root / "cifar-10-batches-py"
        folder.mkdir(parents=True)
        pixels = np.random.default_rng(0).integers(0, 256, (6, 4, 3072), dtype=np.uint8)
        files = {name: {"data": pixels[i], "labels": [i, 1, 2, 9]} for i, name in enumerate(CIFAR10_FILES)}
        files["batches.meta"] = {"label_names": list("abcdefghij")}
        sums = {}
        for name, content in files.items():
            (folder / name).write_bytes(pickle.dumps(content, protocol=2))
            sums[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
        monkeypatch.setattr(CIFAR10, "train_list", [[name, sums[name]] for name in CIFAR10_FILES[:5]])
        monkeypatch.setattr(CIFAR10, "test_list", [[name, sums[name]] for name in CIFAR10_FILES[5:]])
        monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": sums["batches.meta"]})
        return pixels.reshape(6, 4, 3, 32, 32)

    return write


@pytest.fixture
def write_film():
    """A function that writes a film of plain frames, in which blue grows by 8 from 0 and red falls by 8 from 250."""

    def write(path: Path, frames: int, width: int = 64, height: int = 48) -> Path:
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (width, height))
        assert writer.isOpened()
        for number in range(frames):
            change = 8 * (number % 30)
            writer.write(np.full((height, width, 3), (change, 60, 250 - change), np.uint8))
        writer.release()
        return path

    return write


class Calls(list):
    """What a network was called with; its copies, which evaluations run, add to the same list."""

    def __deepcopy__(self, memo):
        return self


class PixelNet(nn.Module):
    """A random linear map of the pixels: one-pixel moves do change its answers, as they do not a new network's."""

    def __init__(self, seed=0, image_size=16, mean=(0.5, 0.5, 0.5), num_classes=10):
        super().__init__()
        self.image_size, self.mean, self.num_classes = image_size, mean, num_classes
        self.preprocessing = Preprocessing(mean=mean, size=image_size)
        generator = torch.Generator().manual_seed(seed)
        self.weight = torch.nn.Parameter(torch.randn(num_classes, 3 * image_size**2, generator=generator))
        self.calls = Calls()

    def forward(self, images):
        self.calls.append(images.detach().clone())
        return 0.3 * (images - 0.4).flatten(1) @ self.weight.T


@pytest.fixture
def pixel_model():
    return lambda name, **options: Model(ModelSource(name, name), PixelNet(**options))


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
            "optimizer_states": [{}],
            "lr_schedulers": [{"last_epoch": 1}],
            "loops": {"fit_loop": {}},
        }
        torch.save(content, folder / path)
        return path

    return write


@pytest.fixture
def save_run(in_folder, write_run):
    return partial(write_run, in_folder)
