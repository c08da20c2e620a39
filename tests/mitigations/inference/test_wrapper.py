import copy

import pytest
import torch
from torch import nn
from torchvision.transforms.v2 import Normalize

from lit_invariance.mitigations import INFERENCE, apply_mitigations
from lit_invariance.models.small_resnet import SmallResNet
from lit_invariance.training.classifier import LitClassifier


@pytest.fixture
def network() -> nn.Module:
    return nn.Sequential(Normalize([0.5] * 3, [0.5] * 3), SmallResNet(10, blocks=1, pool=False)).eval()


@pytest.mark.parametrize("name", INFERENCE)
def test_it_is_a_module_around_any_network(network: nn.Module, name: str) -> None:
    wrapped = INFERENCE[name](network)
    images = torch.rand(2, 3, 24, 24)
    assert list(wrapped.state_dict()) == [f"network.{key}" for key in network.state_dict()]
    assert wrapped(images).shape == (2, 10)
    assert not torch.allclose(wrapped(images), network(images))
    assert not wrapped.training
    wrapped.train()
    assert network.training
    torch.testing.assert_close(copy.deepcopy(wrapped)(images), copy.deepcopy(network)(images))  # passes through
    torch.testing.assert_close(copy.deepcopy(wrapped).eval()(images), wrapped.eval()(images))


def test_the_chain_of_a_config_is_the_same_modules(network: nn.Module) -> None:
    images = torch.rand(2, 3, 24, 24)
    infer = apply_mitigations(network, ["content_align", {"shift_average": {"shifts": 2}}]).infer
    expected = INFERENCE["content_align"](INFERENCE["shift_average"](network, shifts=2))
    assert torch.equal(infer(images), expected(images))
    assert repr(infer) == repr(expected)


def test_the_copy_of_a_classifier_looks_through_its_own_network() -> None:
    module = LitClassifier("tiny_resnet", num_classes=10, image_size=32, mitigations=["content_align"]).eval()
    twin, images = copy.deepcopy(module), torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        before = module(images)
        twin.backbone.fc.weight.zero_()
    assert torch.equal(module(images), before)
    assert torch.equal(twin(images), twin.backbone.fc.bias.expand(2, 10))
