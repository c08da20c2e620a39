"""One small member of every family: built as the published one, with fewer blocks or channels where possible."""

import copy
import pickle
from collections.abc import Callable
from functools import partial

import pytest
import timm
import torch
import torchvision.models as published
from torch import nn
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.densenet import DenseNet
from torchvision.models.inception import InceptionB
from torchvision.models.mobilenetv2 import MobileNetV2
from torchvision.models.regnet import BlockParams, RegNet
from torchvision.models.resnet import Bottleneck, ResNet

from lit_invariance.errors import UserError
from lit_invariance.mitigations.surgery.blurpool import antialias


def with_small_head(network: nn.Module, features: int) -> nn.Module:
    network.classifier = nn.Linear(features, 5)  # a hundred million parameters less
    return network


def vgg(batch_norm: bool) -> nn.Module:
    with torch.device("meta"):
        network = with_small_head((published.vgg11_bn if batch_norm else published.vgg11)(init_weights=False), 512 * 49)
    return filled(network)


def filled(network: nn.Module) -> nn.Module:
    """Give a network that was built without memory its parameters."""
    network.to_empty(device="cpu")
    for layer in network.modules():
        if reset := getattr(layer, "reset_parameters", None):
            reset()
    return network


def alexnet() -> nn.Module:
    with torch.device("meta"):
        network = with_small_head(published.alexnet(), 256 * 36)
    return filled(network)


def convnext() -> nn.Module:
    blocks = [CNBlockConfig(16, 32, 1), CNBlockConfig(32, 48, 1), CNBlockConfig(48, None, 1)]
    return ConvNeXt(blocks, num_classes=5)


# The builder, the smallest square that the network takes, and how many of its strided operations stay: the stem.
FAMILIES: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "resnet": (lambda: published.resnet18(num_classes=5), 33),
    "resnext": (lambda: ResNet(Bottleneck, [1, 1, 1, 1], 5, groups=32, width_per_group=4), 33),
    "wide_resnet": (lambda: ResNet(Bottleneck, [1, 1, 1, 1], 5, width_per_group=128), 33),
    "vgg": (partial(vgg, False), 33),
    "vgg_bn": (partial(vgg, True), 33),
    "densenet": (lambda: DenseNet(8, (1, 1, 1, 1), 16, num_classes=5), 33),
    "mobilenet_v2": (lambda: MobileNetV2(5, width_mult=0.25), 33),
    "mobilenet_v3": (lambda: published.mobilenet_v3_small(num_classes=5, width_mult=0.5), 33),
    "efficientnet": (lambda: published.efficientnet_b0(num_classes=5), 33),
    "regnet": (
        lambda: RegNet(BlockParams([1] * 4, [16, 16, 32, 32], [8] * 4, [1] * 4, [2] * 4, 0.25), num_classes=5),
        33,
    ),
    "convnext": (convnext, 33),
    "googlenet": (lambda: published.googlenet(num_classes=5, init_weights=False, aux_logits=False), 47),
    "inception_v3": (lambda: published.inception_v3(num_classes=5, init_weights=False, aux_logits=False), 81),
    "inception_resnet_v2": (lambda: timm.create_model("inception_resnet_v2", num_classes=5), 81),
    "mnasnet": (lambda: published.mnasnet0_5(num_classes=5), 33),
    "shufflenet_v2": (lambda: published.shufflenet_v2_x0_5(num_classes=5), 33),
    "squeezenet": (lambda: published.squeezenet1_1(num_classes=5), 35),
    "alexnet": (alexnet, 65),
    "timm_resnet_d": (lambda: timm.create_model("resnet18d", num_classes=5), 33),
    "timm_same_padding": (lambda: timm.create_model("tf_mobilenetv3_small_minimal_100", num_classes=5), 33),
    "timm_weight_standardised": (lambda: timm.create_model("nf_regnet_b0", num_classes=5), 33),
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> tuple[nn.Module, nn.Module, int]:
    """The plain network, the same anti-aliased, and its size."""
    torch.manual_seed(0)
    build, size = FAMILIES[request.param]
    plain = build().eval()
    network = copy.deepcopy(plain)
    changes = antialias(network, taps=3)
    assert [change.place for change in changes if not change.changed] == [changes[0].place][: not changes[0].changed]
    assert all(max(change.cumulative) in (2, 4, 8, 16, 32) for change in changes)
    return plain, network, size


def test_keeps_keys_parameters_and_output_sizes(family: tuple[nn.Module, nn.Module, int]) -> None:
    plain, network, size = family
    assert list(network.state_dict()) == list(plain.state_dict())
    network.load_state_dict(plain.state_dict(), strict=True)
    for height, width in ((size, size + 10), (size + 31, size + 1)):
        expected, sizes = [shapes(each, torch.randn(1, 3, height, width)) for each in (plain, network)]
        assert {name: sizes[name] for name in expected} == expected


def shapes(network: nn.Module, images: torch.Tensor) -> dict[str, torch.Size]:
    """The shape of what every block returns."""
    found: dict[str, torch.Size] = {}
    hooks = [
        child.register_forward_hook(lambda _m, _i, out, name=name: found.update({name: out.shape}))
        for name, child in network.named_children()
    ]
    with torch.no_grad():
        found["output"] = network(images).shape
    for hook in hooks:
        hook.remove()
    return found


def test_gradients_flow(family: tuple[nn.Module, nn.Module, int]) -> None:
    _, network, size = family
    network(torch.randn(2, 3, size, size)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_copies_and_pickles(family: tuple[nn.Module, nn.Module, int]) -> None:
    _, network, size = family
    images = torch.randn(1, 3, size, size)
    with torch.no_grad():
        expected = network(images)
        for twin in (pickle.loads(pickle.dumps(network)), copy.deepcopy(network)):
            assert torch.equal(twin(images), expected)
            assert list(twin.state_dict()) == list(network.state_dict())


def inception_block() -> nn.Module:
    """Function calls in a block, between two convolutions."""
    return nn.Sequential(nn.Conv2d(3, 8, 3), InceptionB(8), nn.Conv2d(8 + 480, 4, 1))


# Each way in which a filter is put in: in front of a layer, behind one, behind a block, in a pool, in a new block.
@pytest.mark.parametrize(
    ("build", "size"),
    [
        (lambda: ResNet(Bottleneck, [1, 1, 1, 1], 5, groups=32, width_per_group=4), 33),
        (lambda: MobileNetV2(5, width_mult=0.25, inverted_residual_setting=[[1, 16, 1, 1], [6, 24, 1, 2]]), 33),
        (lambda: published.squeezenet1_1(num_classes=5), 36),
        (inception_block, 19),
    ],
)
def test_exports_and_compiles(build: Callable[[], nn.Module], size: int) -> None:
    torch.manual_seed(0)
    network = build().eval()
    antialias(network)
    images = torch.randn(1, 3, size, size)
    with torch.no_grad():
        expected = network(images)
        exported = torch.export.export(network, (images,)).module()
        torch.testing.assert_close(exported(images), expected)
        compiled = torch.compile(network, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(images), expected)


def test_a_family_that_cannot_be_done_is_named() -> None:
    with torch.device("meta"):
        network = timm.create_model("convit_tiny")
    with pytest.raises(UserError, match=r"ConVit cannot be traced with torch\.fx"):
        antialias(network)
