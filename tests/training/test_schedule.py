import math
from itertools import pairwise

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from lit_invariance.training.schedule import OPTIMIZERS, can_fuse, keep_all_but, parameter_groups, warmup_cosine


def test_warmup_rises_linearly_and_the_cosine_falls_to_zero():
    curve = [warmup_cosine(step, warmup=4, total=14) for step in range(15)]
    assert curve[:4] == [0.25, 0.5, 0.75, 1.0]
    assert curve[4] == 1.0
    assert curve[9] == pytest.approx(0.5 * (1 + math.cos(math.pi / 2)))
    assert curve[14] == pytest.approx(0)
    assert all(earlier >= later for earlier, later in pairwise(curve[4:]))
    assert warmup_cosine(0, warmup=0, total=10) == 1.0


def test_groups_cover_each_parameter_once():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    groups = {g["name"]: g for g in parameter_groups(network, ["2"], lr=1.0, backbone_lr=0.1, weight_decay=0.5)}
    assert {name: (len(g["params"]), g["lr"], g["weight_decay"]) for name, g in groups.items()} == {
        "head": (1, 1.0, 0.5),
        "head/no_decay": (1, 1.0, 0.0),
        "backbone": (1, 0.1, 0.5),
        "backbone/no_decay": (3, 0.1, 0.0),
    }
    assert sum(len(g["params"]) for g in groups.values()) == len(list(network.parameters()))


def test_frozen_parameters_are_left_out():
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network[0].requires_grad_(False)
    groups = parameter_groups(network, ["1"], 1.0, 1.0, 0.0)
    assert {group["name"] for group in groups} == {"head", "head/no_decay"}


@pytest.mark.parametrize(("name", "made"), [("sgd", torch.optim.SGD), ("adamw", torch.optim.AdamW)])
def test_optimisers_keep_the_groups_rates(name, made):
    groups = parameter_groups(nn.Sequential(nn.Linear(2, 2)), ["0"], 0.3, 0.1, 0.0)
    optimizer = OPTIMIZERS[name](groups, 0.9)
    assert isinstance(optimizer, made)
    assert {group["lr"] for group in optimizer.param_groups} == {0.3}


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_a_step_in_one_kernel_is_the_same_step(name):
    def stepped(fused):
        torch.manual_seed(0)
        # No gradient is 0 but for rounding, which AdamW would make a whole step of.
        network = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))
        pictures = torch.randn(2, 3, 4, 4)
        optimizer = OPTIMIZERS[name](parameter_groups(network, ["3"], 0.1, 0.05, 0.01), 0.9, fused)
        for _ in range(3):
            network(pictures).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])

    torch.testing.assert_close(stepped(True), stepped(False), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("precision", "fused"), [("32-true", True), ("bf16-mixed", True), ("16-mixed", False)])
def test_scaled_gradients_are_not_left_to_one_kernel(precision, fused):
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    trainer.strategy.precision_plugin.precision = precision
    assert can_fuse(trainer) == fused


def test_only_the_named_layers_are_left_to_train():
    network = nn.ModuleDict({"fc": nn.Linear(2, 3), "fc2": nn.Linear(3, 2), "body": nn.Linear(2, 2)})
    keep_all_but(network, ["fc"])
    trained = {path for path, parameter in network.named_parameters() if parameter.requires_grad}
    assert trained == {"fc.weight", "fc.bias"}
