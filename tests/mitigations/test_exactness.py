"""Each case is exactly invariant but for the one thing it is named after."""

import copy
from collections.abc import Callable

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_invariance.mitigations import ShiftAverage, apply_mitigations, check_exact_invariance
from lit_invariance.models.small_resnet import SmallResNet


class Pooled(nn.Module):
    """A circular convolution, what is to be judged, and a global average before the classifier."""

    def __init__(self, judged: Callable[[Tensor], Tensor], channels: int = 6) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1, padding_mode="circular")
        self.judged, self.head = judged, nn.Linear(channels, 5)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.judged(self.conv(images).relu()).relu().mean((2, 3)))


class Embedding(nn.Module):
    """A position embedding that begins at zero, as such often do."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(1, 6, size, size))

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.position


class Volume(nn.Module):
    """Takes channels for depth."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, 1, 3, padding=(1, 0, 1))

    def forward(self, maps: Tensor) -> Tensor:
        return self.conv(maps[:, None])[:, 0]


def coordinates(maps: Tensor) -> Tensor:
    """The rows' numbers as a channel (CoordConv)."""
    rows = torch.linspace(-1, 1, maps.shape[2], dtype=maps.dtype)[:, None].expand(maps.shape[2:])
    return maps * rows


def unfolded(maps: Tensor) -> Tensor:
    """Patches of 4 x 4 as channels."""
    patches = F.unfold(maps, 4, stride=4)
    return patches.unflatten(2, (maps.shape[2] // 4, maps.shape[3] // 4))


def flattened() -> nn.Module:
    network = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1, padding_mode="circular"), nn.ReLU(), nn.Flatten())
    return network.append(nn.Linear(2 * 32 * 32, 5))


INEXACT: dict[str, Callable[[], nn.Module]] = {
    "flatten": flattened,
    "unpadded convolution": lambda: Pooled(nn.Conv2d(6, 6, 3)),
    "zero padding": lambda: Pooled(nn.Conv2d(6, 6, 3, padding=1)),
    "unpadded pool": lambda: Pooled(nn.MaxPool2d(3, 1)),
    "adaptive max pool": lambda: Pooled(nn.AdaptiveMaxPool2d(7)),
    "adaptive average pool": lambda: Pooled(nn.Sequential(nn.AdaptiveAvgPool2d(7), nn.ReLU(), nn.Conv2d(6, 6, 7))),
    "position embedding": lambda: Pooled(Embedding(32)),
    "coordinates": lambda: Pooled(coordinates),
    "three dimensions": lambda: Pooled(Volume()),
    "unfold": lambda: Pooled(nn.Sequential(Call(unfolded), nn.Conv2d(96, 6, 1))),
    "pixel unshuffle": lambda: Pooled(nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(24, 6, 1))),
    "layer norm over positions": lambda: Pooled(nn.LayerNorm((6, 32, 32))),
    "slice": lambda: Pooled(lambda maps: maps[:, :, 1:-1, 1:-1]),
    "bilinear upsampling": lambda: Pooled(
        nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(6, 6, 3, padding=1, padding_mode="circular")
        )
    ),
    "plain stride": lambda: Pooled(nn.Conv2d(6, 6, 1, stride=2)),
    "lambda": lambda: mitigated(timm.create_model("lambda_resnet26t", num_classes=5)),
    "visformer": lambda: mitigated(timm.create_model("visformer_tiny", num_classes=5, img_size=64)),
}


class Call(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, maps: Tensor) -> Tensor:
        return self.function(maps)


def mitigated(network: nn.Module, *others: str) -> nn.Module:
    apply_mitigations(network, ["polyphase", "circular_padding", *others])
    return network


@pytest.mark.parametrize("name", INEXACT)
def test_what_tells_positions_apart_is_found(name: str) -> None:
    torch.manual_seed(0)
    found = check_exact_invariance(INEXACT[name]())
    assert not found.exact
    assert found.residual > 1e-5
    assert not found.why
    assert str(found).startswith("NOT exactly invariant")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Pooled(nn.Conv2d(6, 6, 5, padding=2, padding_mode="circular")),
        lambda: Pooled(nn.InstanceNorm2d(6)),
        lambda: mitigated(SmallResNet(10, blocks=1, pool=True)),
        lambda: mitigated(timm.create_model("pvt_v2_b0", num_classes=5)),  # its attention reduces the keys alone
    ],
)
def test_what_is_exact_is_called_so(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    found = check_exact_invariance(make())
    assert found.residual < 1e-11
    assert found.sizes == ((64, 96), (128, 64))
    assert str(found).startswith("exactly invariant to cyclic shifts: they change the answers by ")


def test_the_average_over_all_phases_is_exact() -> None:
    torch.manual_seed(0)
    network = SmallResNet(10, blocks=1, pool=False)
    apply_mitigations(network, ["circular_padding"])
    sizes = [(16, 24), (24, 8)]
    assert not check_exact_invariance(network, sizes).exact
    assert check_exact_invariance(ShiftAverage(network.eval(), 4, padding="circular"), sizes).exact


def test_arithmetic_in_float32_is_not_enough() -> None:
    found = check_exact_invariance(Pooled(lambda maps: maps.float().mean((2, 3), keepdim=True).double()))
    assert 1e-9 < found.residual < 1e-5


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda: Pooled(lambda maps: 0 * maps), "its answers hardly depend on the picture"),
        (lambda: Pooled(lambda maps: 1e-9 * maps + 1), "its answers hardly depend on the picture"),
        (lambda: Pooled(lambda maps: maps / 0), "its answers are not finite"),
        (lambda: nn.Conv2d(4, 2, 1), r"the network refuses pictures of 64x96 pixels \(Given groups=1"),
        (lambda: Call(lambda images: [images]), "the network returns a list and not a tensor"),
    ],
)
def test_what_cannot_be_measured_is_never_exact(make: Callable[[], nn.Module], part: str) -> None:
    found = check_exact_invariance(make())
    assert not found.exact
    with pytest.raises(AssertionError, match=part):
        raise AssertionError(str(found))


def test_sizes_that_a_network_refuses_say_nothing_of_it() -> None:
    network = mitigated(SmallResNet(10, blocks=1, pool=True))
    found = check_exact_invariance(network, [(30, 32), (32, 48)])
    assert found.exact
    assert found.sizes == ((32, 48),)
    assert "refuses pictures of 30x32 pixels" in check_exact_invariance(network, [(30, 32)]).why


def test_nothing_is_changed() -> None:
    network = SmallResNet(10, blocks=1, pool=True)
    before, state = copy.deepcopy(network.state_dict()), torch.get_rng_state()
    check_exact_invariance(network, [(16, 16)])
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
