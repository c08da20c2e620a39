import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lit_invariance.cli.train import train
from lit_invariance.fixing import held_out, trials
from lit_invariance.models.small_resnet import SmallResNet
from lit_invariance.training.checkpoint import read_checkpoint

COLOURS = {"blue": (40, 60, 190), "green": (50, 180, 60), "red": (190, 50, 50)}
SMALL = ["--data.root", "PHOTOS", "--data.image_size", "32", "--data.batch_size", "6", "--data.num_workers", "0"]
SMALL += ["--trainer.max_epochs", "2", "--model.lr", "2", "--trainer.accelerator", "cpu"]
SMALL += ["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"]


def write_photos(folder):
    """PHOTOS with six noisy pictures of each of three colours; weights for ten other classes, and for a constant."""
    pixels = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        of_class = folder / "PHOTOS" / name
        of_class.mkdir(parents=True)
        for number in range(6):
            noisy = np.clip(pixels.normal(colour, 70, (40, 44, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(of_class / f"{number}.png")
    torch.manual_seed(0)
    torch.save(SmallResNet(10, blocks=2, pool=True).state_dict(), folder / "other.pth")
    constant = SmallResNet(3, blocks=2, pool=True)
    constant.fc.weight.data.zero_()
    torch.save(constant.state_dict(), folder / "constant.pth")


def fixing(*further, weights="other.pth"):
    """Arguments of the command on those photos."""
    network = ["--model.backbone", "tiny_resnet", "--model.weights", weights]
    return ["--config", "fix.yaml", *network, *SMALL, *further]


@pytest.fixture(scope="package", autouse=True)
def few_draws():
    """Of each view two draws instead of eight: what a training leads to is not looked at here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_out, "MOST_DRAWS", 2)
        yield


@pytest.fixture
def photos(in_folder):
    write_photos(in_folder)
    return in_folder


@contextmanager
def working_in(folder):
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, and the parameters of every network that it made, by file name."""

    folder: Path
    networks: dict

    @property
    def checkpoints(self):
        return self.folder / "checkpoints" / "fix"


@pytest.fixture(scope="package")
def finished(tmp_path_factory, few_draws):
    """One run for the tests that look at what it left."""
    folder, networks, make = tmp_path_factory.mktemp("fix"), {}, trials.make_network

    def kept(plan, arm, path, positions):
        make(plan, arm, path, positions)
        networks[path.name] = read_checkpoint(path)["state_dict"]

    write_photos(folder)
    with pytest.MonkeyPatch.context() as patch, working_in(folder):
        patch.setattr(trials, "make_network", kept)
        train(fixing())
    return Run(folder, networks)
