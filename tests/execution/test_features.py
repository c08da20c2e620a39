import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import squeezenet1_1

from lit_invariance.execution.executor import Executor
from lit_invariance.execution.features import WithFeatures
from lit_invariance.execution.lanes import Lanes
from lit_invariance.execution.replica import replica
from lit_invariance.models.small_resnet import SmallResNet
from tests.execution.test_folding import stirred

VIEWS = torch.rand(7, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def resnet():
    torch.manual_seed(0)
    return stirred(SmallResNet(10, blocks=1, pool=True))


def penultimate(network, views):
    """The layers before the classification layer, called one by one."""
    maps = network.maxpool(network.relu(network.bn1(network.conv1(views))))
    return network.layer3(network.layer2(network.layer1(maps))).mean((2, 3))


def test_logits_and_features_of_one_pass_are_those_of_the_layers():
    network = resnet()
    copy = replica(network)
    with torch.no_grad():
        both = WithFeatures(copy, [copy.fc])(VIEWS)
        torch.testing.assert_close(both[:, :10], network(VIEWS))
        torch.testing.assert_close(both[:, 10:], F.normalize(penultimate(network, VIEWS), dim=1))
    assert not network.fc._forward_pre_hooks


@pytest.mark.parametrize("lanes", [1, 2])
def test_an_executor_folds_fills_batches_and_runs_copies_side_by_side(lanes):
    network = resnet()
    copy = replica(network)
    fast = Executor(WithFeatures(copy, [copy.fc]), 32, 2, 64)
    assert fast.folded > 0
    fast.open(lanes, torch.no_grad)
    parts = [VIEWS[number % 5 : number % 5 + 3] for number in range(12)]
    with Lanes(lanes) as running:
        answers = [done.result() for done in [running.run(lambda part=part: fast(part)) for part in parts]]
    with torch.no_grad():
        for part, both in zip(parts, answers, strict=True):
            torch.testing.assert_close(both[:, :10], network(part), atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(
                both[:, 10:], F.normalize(penultimate(network, part), dim=1), atol=1e-5, rtol=1e-5
            )


def test_positions_of_a_convolution_are_averaged():
    torch.manual_seed(0)
    network = squeezenet1_1(num_classes=5).eval()
    copy = replica(network)
    with torch.no_grad():
        both = WithFeatures(copy, [copy.classifier[1]])(VIEWS[:2])
        torch.testing.assert_close(both[:, 5:], F.normalize(network.features(VIEWS[:2]).mean((2, 3)), dim=1))


class Tokens(nn.Module):
    """Two heads that see all tokens, as a distilled transformer's."""

    def __init__(self):
        super().__init__()
        self.head, self.other = nn.Linear(3, 4), nn.Linear(3, 4)

    def forward(self, images):
        tokens = images.flatten(2).transpose(1, 2)
        return (self.head(tokens).mean(1) + self.other(2 * tokens).mean(1)) / 2


def test_tokens_are_averaged_and_two_layers_stand_side_by_side():
    network = Tokens()
    with torch.no_grad():
        both = WithFeatures(network, [network.head, network.other])(VIEWS)
    means = VIEWS.mean((2, 3))
    torch.testing.assert_close(both[:, 4:], F.normalize(torch.cat([means, 2 * means], 1), dim=1))


def test_a_layer_that_is_not_run_is_found_out():
    network = Tokens()
    unused = nn.Linear(3, 4)
    with torch.no_grad(), pytest.raises(ValueError, match="not enough values"):
        WithFeatures(network, [unused])(VIEWS)


def test_a_pass_after_one_that_failed():
    network = resnet()
    both = WithFeatures(network, [network.fc])
    refusing = network.fc.register_forward_hook(lambda *_: 1 / 0)
    with torch.no_grad():
        with pytest.raises(ZeroDivisionError):
            both(VIEWS)
        refusing.remove()
        assert both(VIEWS).shape == (7, 74)
