import copy
import pickle
from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torchvision.transforms.v2 import Normalize

from lit_invariance.errors import UserError
from lit_invariance.execution.executor import Executor
from lit_invariance.mitigations import INFERENCE, apply_mitigations
from lit_invariance.mitigations.inference.wrapper import margin
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


@pytest.mark.parametrize("name", INFERENCE)
def test_with_a_gate_it_is_at_work_only_on_pictures_of_a_small_margin(name: str) -> None:
    """Two classes of logits (m, 0): the margin is tanh(m / 2), by hand .462 for 1 and .635 for 1.5."""
    torch.manual_seed(0)
    logits = torch.tensor([[1.0, 0.0], [1.5, 0.0], [0.0, 1.0]])
    images, shown = torch.rand(3, 3, 16, 16), []

    def network(pictures: torch.Tensor) -> torch.Tensor:
        shown.append(pictures)
        return logits if len(shown) == 1 else pictures.mean((2, 3))[:, :2]

    gated, always = INFERENCE[name](network, gate=0.5), INFERENCE[name](lambda view: view.mean((2, 3))[:, :2])
    answered = gated(images)
    assert torch.equal(shown[0], images)
    assert {len(part) for part in shown[1:]} == {2}
    torch.testing.assert_close(answered[[0, 2]], always(images[[0, 2]]))
    assert answered[1].tolist() == [1.5, 0.0]
    assert gated.passes == 1 + always.passes
    assert gated.mean_passes == 1 + always.passes * 2 / 3


@pytest.mark.parametrize("name", INFERENCE)
def test_a_gate_of_one_lets_all_through_and_a_small_one_none(network: nn.Module, name: str) -> None:
    images = torch.rand(4, 3, 24, 24)
    torch.testing.assert_close(INFERENCE[name](network, gate=1.0)(images), INFERENCE[name](network)(images))
    assert torch.equal(INFERENCE[name](network, gate=1e-9)(images), network(images))


@pytest.mark.parametrize("name", INFERENCE)
def test_exported_with_a_gate_it_takes_all_passes_and_answers_alike(name: str) -> None:
    torch.manual_seed(0)
    images = torch.rand(6, 3, 16, 16)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.Flatten(), nn.Linear(196, 5)).eval()
    with torch.no_grad():
        gated = INFERENCE[name](network, gate=float(margin(network(images)).mean()))
        expected = gated(images)
        assert not torch.equal(expected, network(images))
        assert not torch.equal(expected, INFERENCE[name](network)(images))
        exported = torch.export.export(gated, (images,)).module()
        torch.testing.assert_close(exported(images), expected)


def test_an_average_of_half_precision_stays_in_single() -> None:
    images = torch.rand(2, 3, 8, 8)
    gated = INFERENCE["shift_average"](lambda view: view.mean((2, 3)).half(), gate=1.0)
    assert gated(images).dtype == torch.float32


@pytest.mark.parametrize("name", INFERENCE)
@pytest.mark.parametrize("gate", [0, 1.5, True, "a"])
def test_a_gate_out_of_range_is_refused(name: str, gate: object) -> None:
    with pytest.raises(UserError, match="gate is a number above 0"):
        apply_mitigations(nn.Identity(), [{name: {"gate": gate}}])


def test_copies_count_with_the_wrapper_that_they_were_copied_from() -> None:
    """An executor answers with copies: the margin of a picture is what its first pixel says, .1 or .9."""

    class Brightness(nn.Module):
        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return torch.stack([torch.atanh(pictures[:, 0, 0, 0]) * 2, torch.zeros(len(pictures))], 1)

    gated = INFERENCE["shift_average"](Brightness().eval(), shifts=2, gate=0.5)
    executor = Executor(gated, 8, 4)
    executor.open(2, nullcontext)
    before = gated._tally.answered
    executor(torch.tensor([0.1, 0.9, 0.9, 0.9])[:, None, None, None].expand(4, 3, 8, 8).contiguous())
    assert gated._tally.answered == before + 4
    alone = copy.deepcopy(gated)
    alone._tally = pickle.loads(pickle.dumps(gated._tally))
    assert alone.mean_passes == gated.passes  # nothing counted yet
    alone(torch.tensor([0.1, 0.9])[:, None, None, None].expand(2, 3, 8, 8).contiguous())
    assert alone.mean_passes == 1 + 4 / 2
