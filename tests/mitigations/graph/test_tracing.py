"""Networks whose forward passes ask for sizes, as those of transformers do."""

import copy

import pytest
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from lit_invariance.errors import UserError
from lit_invariance.mitigations import antialias, apply_mitigations
from lit_invariance.mitigations.graph.tracing import trace


@pytest.fixture(scope="module")
def twins():
    """A ResNet of transformers and torchvision's own, with equal weights."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    ours = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=5).double().eval()
    config = transformers.ResNetConfig(hidden_sizes=[64, 128, 256, 512], depths=[1] * 4, layer_type="basic")
    theirs = transformers.ResNetForImageClassification(config).double().eval()
    theirs.classifier[1] = nn.Linear(512, 5).double()
    held = ours.state_dict()
    # Both register a layer's parameters in the same order but for the shortcut, which transformers has first.
    moved = [name for name in held if "downsample" not in name]
    for name in [name for name in held if "downsample" in name]:
        block = name.partition("downsample")[0]
        first = next(place for place, other in enumerate(moved) if other.startswith(f"{block}conv"))
        moved.insert(first, name)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), (held[name] for name in moved), strict=True)))
    return ours, theirs


def test_surgery_is_that_of_the_same_network_in_torchvision(twins):
    ours, theirs = copy.deepcopy(twins)
    images = torch.rand(2, 3, 64, 96, dtype=torch.float64)
    assert torch.allclose(theirs(images).logits, ours(images))
    told = antialias(theirs, taps=3)
    assert [change.changed for change in antialias(ours, taps=3)] == [change.changed for change in told]
    ours.maxpool.dense = nn.MaxPool2d(3, 1, 1)  # torchvision's residual networks get a 2x2 pool
    assert torch.allclose(theirs(images).logits, ours(images))


def test_exact_shift_invariance(twins):
    _, theirs = copy.deepcopy(twins)
    apply_mitigations(theirs, ["polyphase", "circular_padding"])
    images = torch.rand(1, 3, 64, 64, dtype=torch.float64)
    for shift in ((1, 0), (3, -2)):
        assert torch.allclose(theirs(images.roll(shift, (2, 3))).logits, theirs(images).logits)


def test_tracing_changes_nothing(twins):
    theirs = copy.deepcopy(twins[1]).train()
    before, kind = copy.deepcopy(theirs.state_dict()), type(theirs)
    trace(theirs)
    assert type(theirs) is kind
    assert theirs.training
    assert all(torch.equal(value, before[name]) for name, value in theirs.state_dict().items())
    assert not any(module._forward_hooks for module in theirs.modules())


class Asks(nn.Sequential):
    def __init__(self, question):
        super().__init__(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.AdaptiveAvgPool2d(1))
        self.question = question

    def forward(self, images):
        height, width = images.shape[-2:]
        if height < 2 or width < 2 or self.question(images):
            return images
        return super().forward(images)


def test_sizes_may_be_asked_for():
    (change,) = antialias(Asks(lambda images: images.size(1) != 3), stem=True)
    assert change.changed


def test_what_depends_on_the_picture_is_refused():
    with pytest.raises(UserError, match=r"Asks cannot be traced with torch\.fx"):
        trace(Asks(lambda images: images.mean() > 2))
