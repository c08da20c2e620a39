import copy
import io
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from lit_invariance.errors import UserError
from lit_invariance.mitigations import MITIGATIONS, apply_mitigations
from lit_invariance.mitigations.surgery.blurpool import BlurPool2d
from lit_invariance.mitigations.surgery.padding import circular_padding, reflect_padding
from lit_invariance.models.small_resnet import SmallResNet

PADDINGS = {"circular": circular_padding, "reflect": reflect_padding}


@pytest.mark.parametrize("mode", PADDINGS)
@pytest.mark.parametrize(
    "conv",
    [
        lambda: nn.Conv2d(4, 6, 3, padding=1),
        lambda: nn.Conv2d(4, 6, (3, 5), stride=(1, 2), padding=(1, 2), bias=False),
        lambda: nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4, padding_mode="replicate"),
        lambda: nn.Conv2d(4, 6, 5, padding="same"),
        lambda: nn.Conv2d(4, 6, 7, stride=2, padding=2),
    ],
)
def test_convolution_equals_that_of_torch_with_the_same_mode(conv: Callable[[], nn.Conv2d], mode: str) -> None:
    torch.manual_seed(0)
    plain = conv()
    network = nn.Sequential(copy.deepcopy(plain))
    plain.padding_mode = mode
    (change,) = PADDINGS[mode](network)
    assert change.changed
    assert change.what.endswith(f"-> {mode}")
    maps = torch.randn(2, 4, 9, 8)
    torch.testing.assert_close(network(maps), plain(maps))
    assert network.state_dict().keys() == {f"0.{key}" for key in plain.state_dict()}


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("pool", [nn.MaxPool2d, nn.AvgPool2d])
def test_circular_pool_takes_a_shift_as_a_shift(pool: type[nn.Module], ceil_mode: bool) -> None:
    network = nn.Sequential(pool(3, 2, 0 if ceil_mode else 1, ceil_mode=ceil_mode))
    circular_padding(network)
    maps = torch.randn(1, 2, 8, 6)
    pooled = network(maps)
    assert pooled.shape == (1, 2, 4, 3)
    torch.testing.assert_close(network(maps.roll((2, 4), (2, 3))), pooled.roll((1, 2), (2, 3)))
    assert not torch.allclose(network(maps.roll(1, 2)), pooled)


def test_reflection_changes_no_maximum() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(3, 2, 1))
    assert [change.place for change in reflect_padding(network)] == ["0"]
    maps = torch.randn(1, 4, 7, 8)
    mirrored = F.max_pool2d(F.pad(maps, (1, 1, 1, 1), mode="reflect"), 3, 2)
    assert torch.equal(network[1](maps), mirrored)


@pytest.mark.parametrize("mode", PADDINGS)
def test_maps_smaller_than_the_padding_are_no_obstacle(mode: str) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 7, padding=3), nn.MaxPool2d(5, 1, 2))
    PADDINGS[mode](network)
    for size in (1, 2, 3):
        assert network(torch.randn(1, 3, size, size)).isfinite().all()
    resnet = torchvision.models.resnet18(num_classes=10).eval()
    PADDINGS[mode](resnet)
    assert resnet(torch.randn(1, 3, 32, 32)).isfinite().all()  # its last maps are of one sample


def test_dense_circular_network_is_equivariant() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 1, 1), nn.Conv2d(8, 4, 5, padding=2)
    )
    maps = torch.randn(1, 3, 7, 10)
    assert not torch.allclose(network(maps.roll((1, 3), (2, 3))), network(maps).roll((1, 3), (2, 3)), atol=1e-3)
    circular_padding(network)
    torch.testing.assert_close(network(maps.roll((1, 3), (2, 3))), network(maps).roll((1, 3), (2, 3)))


@pytest.mark.parametrize("mode", PADDINGS)
def test_network_keeps_channels_last_keys_and_gradients_and_exports(mode: str) -> None:
    torch.manual_seed(0)
    network, plain = SmallResNet(10, blocks=1, pool=True), SmallResNet(10, blocks=1, pool=True)
    PADDINGS[mode](network)
    network.load_state_dict(plain.state_dict(), strict=True)
    network.to(memory_format=torch.channels_last)
    seen: list[bool] = []
    watch = network.layer3.register_forward_hook(
        lambda _layer, _inputs, out: seen.append(out.is_contiguous(memory_format=torch.channels_last))
    )
    images = torch.randn(2, 3, 32, 24).to(memory_format=torch.channels_last)
    network(images).square().sum().backward()
    watch.remove()
    assert seen == [True]
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())
    network.eval()
    expected = network(images)
    assert (expected - plain.eval()(images)).abs().max() > 1e-3
    buffer = io.BytesIO()
    torch.save(network, buffer)
    buffer.seek(0)
    for twin in (
        copy.deepcopy(network),
        torch.load(buffer, weights_only=False),
        torch.fx.symbolic_trace(network),
        torch.export.export(network, (images,)).module(),
    ):
        torch.testing.assert_close(twin(images), expected)


def test_filters_of_blurpool_are_included_wherever_it_is_named() -> None:
    for order in (["blurpool", "circular_padding"], ["circular_padding", "blurpool"]):
        network = SmallResNet(10, blocks=1, pool=True)
        apply_mitigations(network, order)
        assert {layer.padding for layer in network.modules() if isinstance(layer, BlurPool2d)} == {"circular"}


class Padder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pad = nn.ZeroPad2d(1)
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.even = nn.Conv2d(4, 4, 2, padding="same")

    def forward(self, images: Tensor) -> Tensor:
        return F.pad(self.even(self.conv(self.pad(images))), (1, 1, 1, 1))


def test_what_pads_otherwise_is_named() -> None:
    changes = {change.place: change for change in circular_padding(Padder())}
    assert [place for place, change in changes.items() if change.changed] == ["conv"]
    assert "only pads" in changes["pad"].what
    assert "uneven" in changes["even"].what
    assert [change.what for place, change in changes.items() if place.startswith("pad_")] == [
        "a call of pad, which may pad"
    ]


@pytest.mark.parametrize("mode", PADDINGS)
def test_nothing_to_change_is_an_error(mode: str) -> None:
    with pytest.raises(UserError, match=f"{mode}_padding finds nothing to change in Sequential"):
        MITIGATIONS[f"{mode}_padding"](nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2)))
