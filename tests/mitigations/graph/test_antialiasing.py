import copy
import io
import itertools
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torchvision.models.mobilenetv2 import MobileNetV2

from lit_invariance.errors import UserError
from lit_invariance.mitigations.graph.antialiasing import antialias_strides
from lit_invariance.mitigations.graph.pooled import Pooled
from lit_invariance.mitigations.surgery.blurpool import BlurPool2d, antialias, binomial
from lit_invariance.models.small_resnet import SmallResNet


def with_statistics(network: nn.Module, size: int = 64) -> nn.Module:
    """Give batch norms statistics and weights that leave their mark, and keep the signal alive in deep networks."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.1)
    with torch.no_grad():
        network.train()(torch.randn(4, 3, size, size))
    return network.eval()


def with_parameters_of(published: nn.Module, plain: nn.Module) -> nn.Module:
    """Copy by position: the published networks name some layers otherwise and save their filters."""
    values = [value for key, value in published.state_dict().items() if not key.endswith("filt")]
    plain.load_state_dict(dict(zip(plain.state_dict(), values, strict=True)))
    return plain.eval()


def compare(published: nn.Module, plain: nn.Module, size: int, **options: Any) -> None:
    # In float64 a deep network's rounding does not hide what the tolerance of 1e-5 is there to show.
    network = with_parameters_of(with_statistics(published, size), plain).double()
    published.double()
    images = torch.randn(2, 3, size, size, dtype=torch.float64)
    with torch.no_grad():
        expected = published(images)
        unmitigated = network(images)
        antialias(network, **options)
        answer = network(images)
    torch.testing.assert_close(answer, expected, atol=1e-5, rtol=0)
    assert (unmitigated - expected).abs().max() > 0.1  # the comparison can fail


@pytest.fixture(scope="module")
def published() -> Any:
    return pytest.importorskip("antialiased_cnns", reason="the extra `antialiased` is not installed")


SMALL = ["resnet18", "mobilenet_v2"]
# Of each family the smallest: the others repeat its blocks.
LARGE = ["resnet34", "resnet50", "resnext50_32x4d", "wide_resnet50_2"]
DENSE = ["densenet121", "densenet161"]


# Every published filter size on the small ones; the large ones take turns.
@pytest.mark.parametrize(
    ("name", "taps"),
    [*itertools.product(SMALL, range(2, 8)), *zip([*LARGE, *DENSE], itertools.cycle(range(2, 8)), strict=False)],
)
def test_equals_the_published_network(name: str, taps: int, published: Any) -> None:
    torch.manual_seed(0)
    with torch.device("meta"):  # what initialises millions of parameters takes longer than the comparison
        theirs = getattr(published, name)(pretrained=False, filter_size=taps)
        ours = getattr(torchvision.models, name)()
    compare(filled(theirs, taps), ours.to_empty(device="cpu"), 64, taps=taps)


def filled(network: nn.Module, taps: int) -> nn.Module:
    """Give a published network that was built without memory its parameters and its filters."""
    network.to_empty(device="cpu")
    for name, value in network.state_dict().items():
        if name.endswith("filt"):
            value.copy_(torch.outer(binomial(taps), binomial(taps)).expand_as(value))
        elif value.ndim > 1:
            value.uniform_(-1, 1).mul_((6 / value[0].numel()) ** 0.5)
        else:
            value.zero_()
    return network


@pytest.mark.parametrize("taps", range(2, 8))
def test_equals_the_features_of_the_published_alexnet(taps: int, published: Any) -> None:
    torch.manual_seed(0)
    with torch.device("meta"):
        theirs = published.alexnet(pretrained=False, filter_size=taps).features
        ours = torchvision.models.alexnet().features
    compare(filled(theirs, taps), ours.to_empty(device="cpu"), 128, taps=taps, stem=True)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_stem_option_is_the_published_full_antialiasing(name: str, published: Any) -> None:
    torch.manual_seed(0)
    theirs = getattr(published, name)(pretrained=False, filter_size=4, pool_only=False)
    compare(theirs, getattr(torchvision.models, name)(), 64, taps=4, stem=True)


@pytest.mark.parametrize(
    ("letter", "batch_norm", "taps"),
    [("A", True, 2), ("B", False, 3), ("D", True, 4), ("E", False, 5), ("A", False, 6), ("B", True, 7)],
)
def test_equals_the_features_of_the_published_vgg(letter: str, batch_norm: bool, taps: int, published: Any) -> None:
    torch.manual_seed(taps)
    theirs = published.vgg.make_layers(published.vgg.cfg[letter], batch_norm, taps)
    for layer in theirs:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    ours = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs[letter], batch_norm)
    compare(theirs, ours, 64 if taps < 6 else 128, taps=taps)  # the published padding asks for maps above its filter


@pytest.mark.parametrize("name", ["vgg11", "vgg16_bn"])
def test_whole_vgg_changes_in_its_pools_alone(name: str) -> None:
    with torch.device("meta"):  # a classifier of 120 million parameters takes long to fill
        network = getattr(torchvision.models, name)()
        pools = [place for place, layer in network.named_modules() if isinstance(layer, nn.MaxPool2d)]
        changes = antialias(network)
        assert network(torch.empty(1, 3, 224, 224)).shape == (1, 1000)
    assert [change.place for change in changes if change.changed] == pools
    assert len(pools) == 5
    assert sum(isinstance(layer, BlurPool2d) for layer in network.modules()) == 5


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "resnet18": lambda: torchvision.models.resnet18(num_classes=10),
    "vgg11_bn": lambda: torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["A"], batch_norm=True),
    "mobilenet_v2": lambda: MobileNetV2(num_classes=10, width_mult=0.25),
    "small_resnet": lambda: SmallResNet(10, blocks=1, pool=True),
    "cifar_resnet": lambda: SmallResNet(10, blocks=1, pool=False),
}


@pytest.fixture(params=NETWORKS)
def plain(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return with_statistics(NETWORKS[request.param]())


def mitigated(plain: nn.Module, **options: Any) -> nn.Module:
    network = copy.deepcopy(plain)
    antialias(network, **options)
    return network


def test_checkpoints_load_strictly_both_ways(plain: nn.Module) -> None:
    network = mitigated(plain)
    assert list(network.state_dict()) == list(plain.state_dict())
    images = torch.randn(1, 3, 64, 64)
    expected = network(images)
    other = mitigated(with_statistics(copy.deepcopy(plain)))
    assert not torch.equal(other(images), expected)
    other.load_state_dict(plain.state_dict(), strict=True)
    assert torch.equal(other(images), expected)
    plain.load_state_dict(network.state_dict(), strict=True)


def test_parameters_stay_the_same_objects(plain: nn.Module) -> None:
    before = dict(plain.named_parameters())
    antialias(plain)
    after = dict(plain.named_parameters())
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)


def test_gradients_reach_every_parameter_in_channels_last(plain: nn.Module) -> None:
    network = mitigated(plain).train().to(memory_format=torch.channels_last)
    shapes: dict[str, bool] = {}
    for name, layer in network.named_modules():
        if isinstance(layer, BlurPool2d):
            layer.register_forward_hook(
                lambda _layer, _inputs, out, name=name: shapes.update(
                    {name: out.is_contiguous(memory_format=torch.channels_last)}
                )
            )
    images = torch.randn(2, 3, 64, 64).to(memory_format=torch.channels_last)
    network(images).square().sum().backward()
    assert shapes
    assert all(shapes.values())
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in network.parameters())


def test_output_size_is_that_of_the_plain_network(plain: nn.Module) -> None:
    network = mitigated(plain)
    images = torch.randn(1, 3, 64, 96)
    assert network(images).shape == plain(images).shape


def test_network_copies_pickles_traces_and_saves(plain: nn.Module) -> None:
    network = mitigated(plain).eval()
    images = torch.randn(1, 3, 64, 64)
    expected = network(images)
    buffer = io.BytesIO()
    torch.save(network, buffer)
    buffer.seek(0)
    twins = [copy.deepcopy(network), pickle.loads(pickle.dumps(network)), torch.load(buffer, weights_only=False)]
    for twin in [*twins, torch.fx.symbolic_trace(network)]:
        assert torch.equal(twin(images), expected)


def test_resnet18_exports() -> None:
    network = mitigated(with_statistics(torchvision.models.resnet18()), taps=4)
    images = torch.randn(2, 3, 64, 64)
    exported = torch.export.export(network, (images,)).module()
    torch.testing.assert_close(exported(images), network(images))


def test_small_maps_are_no_obstacle() -> None:
    network = mitigated(with_statistics(torchvision.models.resnet18(num_classes=10)), taps=7)
    assert network(torch.randn(1, 3, 32, 32)).isfinite().all()


def test_every_strided_operation_is_listed() -> None:
    changes = antialias(SmallResNet(10, blocks=1, pool=True))
    assert [(change.place, change.changed) for change in changes] == [
        ("maxpool", True),
        ("layer2.0.conv1", True),
        ("layer2.0.downsample.0", True),
        ("layer3.0.conv1", True),
        ("layer3.0.downsample.0", True),
    ]
    what = "3x3 convolution, stride 2 -> 1, blur of stride 2 before layer2.0.conv2"
    assert str(changes[1]) == f"layer2.0.conv1: {what} (cumulative stride 4)"
    stem = antialias(MobileNetV2(width_mult=0.25))[0]
    why = "the stem convolution, which the option `stem` includes"
    assert str(stem) == f"features.0.0: left alone, {why} (cumulative stride 2)"


def test_stem_of_mobilenet_is_blurred_behind_its_activation() -> None:
    network = MobileNetV2(width_mult=0.5)
    changes = antialias(network, taps=3, padding="replicate", stem=True)
    assert all(change.changed for change in changes)
    assert network.features[0][0].stride == (1, 1)
    blur = network.features[0][2].downsampling_behind
    assert (blur.taps, blur.padding) == (3, "replicate")


class Mixed(nn.Module):
    """Operations of every kind, some of which stay."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.uneven = nn.Conv2d(4, 4, 3, stride=(2, 1), padding=1)
        self.average = nn.AvgPool2d(2)
        self.wide = nn.AvgPool2d(3, 2)
        self.rounded = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.added = nn.Conv2d(4, 4, 3, stride=2, padding=1)
        self.twice = nn.Conv2d(4, 4, 3, stride=2, padding=1)
        self.power = nn.LPPool2d(2, 2)
        self.whole = nn.AvgPool2d(2, 3)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.rounded(self.wide(self.average(self.uneven(self.first(images)))))
        return F.max_pool2d(self.whole(self.power(self.twice(self.twice(self.added(maps) + 1)))), 2)


def test_what_cannot_be_done_is_left_and_named() -> None:
    network = Mixed()
    images = torch.randn(1, 3, 1600, 801)
    shape = network(images).shape
    changes = {change.place: change for change in antialias(network)}
    assert network(images).shape == shape
    assert [place for place, change in changes.items() if change.changed] == [
        "uneven",
        "average",
        "wide",
        "rounded",
        "added",
    ]
    assert network.uneven.downsampling_behind.stride == (2, 1)
    assert changes["uneven"].cumulative == (2, 1)
    assert "stride 2 -> blur" in changes["average"].what
    assert "stride 2 -> 1 with blur" in changes["wide"].what
    assert "more than once" in changes["twice"].what
    assert "LPPool2d" in changes["power"].what
    assert "AvgPool2d" in changes["whole"].what
    assert "make it a layer" in changes["max_pool2d"].what


@pytest.mark.parametrize("size", range(7, 16))
@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.MaxPool2d(2, 2, ceil_mode=True),
        nn.MaxPool2d(3, 2, padding=1),
        nn.MaxPool2d(2, 3, padding=1, ceil_mode=True),
        nn.MaxPool2d(3, 2, dilation=2),
        nn.AvgPool2d(2),
        nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False),
        nn.AvgPool2d(3, 2, padding=1),
        nn.AvgPool2d(3, 2),
    ],
)
def test_pool_leaves_as_many_samples_as_before(pool: nn.Module, size: int) -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 1), copy.deepcopy(pool))
    images = torch.rand(1, 3, size, size + 3)
    antialias(network)
    assert network(images).shape == pool(images).shape
    assert network(images).isfinite().all()


class WithCalls(nn.Module):
    """A pool that is a function call, a stride that is a slice, and a child it shares with nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([F.max_pool2d(images, 3, stride=2, padding=1), self.conv(images[:, :, ::2, ::2])], 1)


class Unfixed(WithCalls):
    """Its course hangs on the mode."""

    def forward(self, images: Tensor) -> Tensor:
        return F.max_pool2d(images, 2) if self.training else F.max_pool2d(self.conv(images), 2)


def test_function_calls_become_layers() -> None:
    block = WithCalls()
    network = nn.Sequential(nn.Conv2d(3, 4, 1), block)
    images = torch.randn(1, 3, 12, 13)
    first = network[0](images)
    blur = BlurPool2d(4, 2)
    expected = torch.cat([blur(F.max_pool2d(first, 3, 1, 1)), block.conv(blur(first))], 1)
    changes = antialias(network)
    assert [change.place for change in changes] == ["1.max_pool2d", "1.getitem"]
    assert all(change.changed for change in changes)
    torch.testing.assert_close(network(images), expected)
    assert list(network.state_dict()) == ["0.weight", "0.bias", "1.conv.weight", "1.conv.bias"]
    assert network[1].conv is block.conv


class CalledActivation(nn.Module):
    """A stem whose activation is no layer, in front of a pool."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, images: Tensor) -> Tensor:
        return self.pool(F.relu(self.stem(images)))


def test_a_pool_that_reads_a_strided_convolution_is_filtered_on_both_sides() -> None:
    network = CalledActivation()
    images = torch.randn(1, 3, 16, 17)
    blur = BlurPool2d(3)
    dense = F.relu(F.conv2d(images, network.stem.weight, network.stem.bias, padding=1))
    expected = blur(F.max_pool2d(blur(dense), 2, 1))
    antialias(network, taps=3, stem=True)
    torch.testing.assert_close(network(images), expected)


def test_function_call_in_an_unfixed_course_is_left() -> None:
    with pytest.raises(UserError, match="a function call in Unfixed, whose forward pass cannot be rewritten"):
        antialias(nn.Sequential(nn.Conv2d(3, 4, 1), Unfixed()))


class TwoNames(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), self.pool)

    def forward(self, images: Tensor) -> Tensor:
        return self.body(images)


def test_layer_with_two_names_is_exchanged_under_both() -> None:
    network = TwoNames()
    antialias(network)
    assert isinstance(network.pool, Pooled)
    assert network.body[1] is network.pool


def test_second_application_is_refused() -> None:
    network = SmallResNet(10, blocks=1, pool=False)
    antialias(network)
    with pytest.raises(UserError, match="SmallResNet is already anti-aliased"):
        antialias(network)


def test_nothing_to_change_is_an_error_that_says_what_was_left() -> None:
    with pytest.raises(UserError, match=r"nothing to change in Sequential: 0: left alone, the stem convolution"):
        antialias(nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(4, 4, 3)))
    with pytest.raises(UserError, match="no strided operation"):
        antialias(nn.Sequential(nn.Conv2d(3, 4, 3)))


def test_refused_options_leave_the_network_alone() -> None:
    network = SmallResNet(10, blocks=1, pool=True)
    with pytest.raises(UserError, match="2 to 7 taps"):
        antialias(network, taps=9)
    assert not any(isinstance(layer, BlurPool2d) for layer in network.modules())


def test_a_filter_that_cannot_be_made_leaves_the_network_alone() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), WithCalls(), nn.Conv2d(8, 4, 3, 2), nn.ReLU(), nn.Conv2d(4, 4, 3, 3))
    before, images = copy.deepcopy(network), torch.randn(1, 3, 40, 40)

    def picky(stride: int | tuple[int, int], channels: int) -> nn.Module:
        if stride == 3:
            raise ValueError("not by three")
        return BlurPool2d(3, stride)

    with pytest.raises(ValueError, match="not by three"):
        antialias_strides(network, picky, "blur")
    assert repr(network) == repr(before)
    assert torch.equal(network(images), before(images))


def test_the_changes_print_as_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    network = copy.deepcopy(nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, 2)))
    print(*antialias(network, taps=4), sep="\n")
    assert capsys.readouterr().out == (
        "0: left alone, the stem convolution, which the option `stem` includes (cumulative stride 2)\n"
        "2: max pool, stride 2 -> 1 with blur of stride 2 behind (cumulative stride 4)\n"
        "3: 3x3 convolution, stride 2 -> 1, blur of stride 2 behind itself (cumulative stride 8)\n"
    )
