import pytest
import torch
from torch import nn

from lit_invariance.errors import UserError
from lit_invariance.models.backbones import create_backbone
from lit_invariance.models.dry_pass import see_answer


@pytest.mark.parametrize(
    ("name", "size", "taken"),
    [
        ("torchvision/alexnet", 32, 224),
        ("timm/vit_tiny_patch16_224", 96, 224),
        ("timm/levit_128s", 96, 224),
        ("timm/swin_tiny_patch4_window7_224", 96, 224),
        ("timm/deit_tiny_distilled_patch16_224", 96, 224),
    ],
)
def test_a_size_that_is_refused_is_one_sentence(name, size, taken):
    message = rf"backbone {name} does not take pictures of {size} x {size} pixels \(.+\);"
    with pytest.raises(UserError, match=message) as error:
        create_backbone(name, "default", 10, size)  # before any weights are looked for
    assert "\n" not in str(error.value)
    create_backbone(name, None, 10, taken)


class Tuple(nn.Module):
    def forward(self, images):
        return images.mean((2, 3)), images


class Map(nn.Module):
    def forward(self, images):
        return images


@pytest.mark.parametrize(("network", "given"), [(Tuple(), "tuple"), (Map(), r"of shape \(1, 3, 16, 16\)")])
def test_another_answer_than_logits_is_one_sentence(network, given):
    with pytest.raises(UserError, match=f"must return 3 logits for one picture, not {given}"):
        see_answer(network, "own", 16, 3)


def test_the_network_stays_as_it_was():
    network = create_backbone("tiny_resnet", None, 10).network
    network.layer1.eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    state = torch.get_rng_state()
    see_answer(network, "tiny_resnet", 32, 10)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert network.training
    assert network.layer2.training
    assert not any(module.training for module in network.layer1.modules())
