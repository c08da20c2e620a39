import pytest
import timm
import torch
from torch import nn

from lit_invariance.errors import UserError
from lit_invariance.mitigations import antialias, polyphase


class Gated(nn.Module):
    """Its own forward pass cannot be traced; its features can."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Sequential(nn.Conv2d(3, 3, 1))
        self.inner = nn.ModuleDict({"features": nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU())})

    def forward(self, images):
        if images.mean() > 0:
            images = self.scale(images)
        return self.inner["features"](images).mean((2, 3))


def test_the_part_that_can_be_changed_is_named_and_can_be_changed():
    network = Gated()
    with pytest.raises(UserError, match=r"a part of it, such as li.antialias\(network.inner.features, stem=True\)"):
        antialias(network)
    images = torch.rand(1, 3, 32, 32)
    before = network(images)
    assert len(antialias(network.inner.features, stem=True)) == 1
    assert not torch.allclose(network(images), before)


@pytest.mark.parametrize("change", [antialias, polyphase])
def test_transformers_are_told_of_the_wrapper(change):
    small = {"embed_dim": 24, "depth": 1, "num_heads": 2, "img_size": 32}
    for network in (timm.create_model("vit_tiny_patch16_224", **small), nn.Sequential(nn.MultiheadAttention(4, 1))):
        with pytest.raises(UserError, match="for a transformer, use the wrapper content_align"):
            change(network, stem=False)
