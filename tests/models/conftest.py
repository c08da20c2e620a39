import pytest

NETS = """
import pytorch_lightning as pl
import torch
from torch import nn
from types import SimpleNamespace

import helper


class Small(nn.Module):
    def __init__(self, num_classes=5, width=4):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, width, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.head = nn.Linear(4 * width, num_classes)

    def forward(self, images):
        return self.head(self.body(images))


def seven():
    return Small(7), (helper.MEAN, helper.STD)


def fixed(width=4):
    return Small(5, width)


def classes(num_classes):
    return Small(num_classes)


class Answer(Small):
    def forward(self, images):
        return SimpleNamespace(logits=super().forward(images))


ONE = Small()


def same():
    return ONE


class Lit(pl.LightningModule):
    def __init__(self, width=4):
        super().__init__()
        self.save_hyperparameters()
        self.net = Small(5, width)

    def forward(self, images):
        return self.net(images)


def number():
    return 7


def strange():
    return Small(), "imagenet"


def broken(width=4):
    return Small(width=width) / 2


constant = 5
"""


@pytest.fixture
def nets(in_folder):
    """`nets.py` with functions and classes that make networks, in the working directory, and a neighbour of it."""
    (in_folder / "nets.py").write_text(NETS)
    (in_folder / "helper.py").write_text("MEAN, STD = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)\n")
    return in_folder
