import copy

import pytest
import timm
import torch
import torchvision
from torch import nn

from lit_invariance.execution.folding import fold_batch_norm
from lit_invariance.execution.replica import replica
from lit_invariance.mitigations import apply_mitigations


def stirred(network):
    """A network whose batch normalisation does something, in evaluation mode."""
    torch.manual_seed(0)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.2)
            layer.running_var.uniform_(0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, 0, 0.2)
    return network.eval()


def folded(network, images):
    """The share of the batch normalisations that were folded; what a folded copy says must be what the network says."""
    before = copy.deepcopy(network.state_dict())
    fast = replica(network)
    count, answer = fold_batch_norm(fast, images)
    with torch.no_grad():
        expected = network(images)
        assert torch.equal(answer, expected)
        assert (fast(images) - expected).abs().max() < 2e-5 * expected.abs().max()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any("PassOn" in type(layer).__name__ for layer in network.modules())
    return count, sum(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())


@pytest.mark.parametrize(
    ("make", "mitigations", "kept"),
    [
        (torchvision.models.mobilenet_v2, [], 0),
        (torchvision.models.resnet18, ["blurpool"], 0),
        # The phase is chosen between four convolutions and their normalisation.
        (torchvision.models.resnet18, ["polyphase", "circular_padding"], 4),
        (lambda: timm.create_model("mobilenetv3_small_050"), ["blurpool", "reflect_padding"], 0),  # with activations
        (lambda: timm.create_model("convnext_atto"), [], 0),  # has none
    ],
)
def test_a_folded_network_says_the_same(make, mitigations, kept):
    network = make()
    apply_mitigations(network, mitigations)
    count, all_of_them = folded(stirred(network), torch.rand(2, 3, 64, 64))
    assert count == all_of_them - kept


class Branching(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind, self.conv, self.norm = kind, nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, images):
        maps = self.conv(images)
        if self.kind == "twice":
            maps = self.conv(maps[:, :3])
        normal = self.norm(maps)
        if self.kind == "read beside it":
            normal = normal + maps
        if self.kind == "filter read elsewhere":
            normal = normal * self.conv.weight.mean()
        return normal.mean((2, 3))


@pytest.mark.parametrize(
    ("kind", "count"), [("plain", 1), ("twice", 0), ("read beside it", 0), ("filter read elsewhere", 0)]
)
def test_what_something_else_reads_is_left(kind, count):
    assert folded(stirred(Branching(kind)), torch.rand(2, 3, 9, 9)) == (count, 1)


def test_a_hook_between_the_two_is_respected():
    network = stirred(Branching("plain"))
    network.conv.register_forward_hook(lambda layer, inputs, output: output.abs())
    assert folded(network, torch.rand(2, 3, 9, 9)) == (0, 1)


def test_hooks_on_either_side_stay():
    network = stirred(Branching("plain"))
    network.conv.register_forward_pre_hook(lambda layer, inputs: (inputs[0] * 2,))
    network.norm.register_forward_hook(lambda layer, inputs, output: output.relu())
    assert folded(network, torch.rand(2, 3, 9, 9)) == (1, 1)


def test_a_parametrised_filter_is_folded():
    network = stirred(Branching("plain"))
    nn.utils.parametrizations.weight_norm(network.conv)
    assert folded(network, torch.rand(2, 3, 9, 9)) == (1, 1)


def test_statistics_of_the_batch_are_left():
    network = stirred(Branching("plain"))
    network.norm.train()
    fast = replica(network)
    assert fold_batch_norm(fast, torch.rand(2, 3, 9, 9))[0] == 0


def test_a_copy_shares_the_weights_and_nothing_else():
    network = stirred(torchvision.models.resnet18())
    network.remembered = [1]
    copied = replica(network)
    theirs, ours = dict(copied.named_parameters()), dict(network.named_parameters())
    assert theirs.keys() == ours.keys()
    assert all(theirs[name].data_ptr() == ours[name].data_ptr() for name in ours)
    copied.remembered.append(2)
    assert network.remembered == [1]
    assert list(copied.state_dict()) == list(network.state_dict())
