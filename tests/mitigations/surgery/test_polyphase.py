import copy
import io
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
import torchvision
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models.mobilenetv2 import MobileNetV2

from lit_invariance.errors import UserError
from lit_invariance.mitigations import apply_mitigations
from lit_invariance.mitigations.ops.phases import loudest_phase
from lit_invariance.mitigations.surgery.padding import circular_padding
from lit_invariance.mitigations.surgery.polyphase import polyphase
from lit_invariance.mitigations.surgery.sampling import KeepPhase
from lit_invariance.models.small_resnet import SmallResNet


def small_vgg() -> nn.Module:
    """VGG-16 with a small classifier; maps of one sample reach it from pictures of 32 pixels."""
    network = torchvision.models.vgg16_bn(num_classes=10, init_weights=False)
    network.classifier = nn.Linear(512 * 49, 10)
    return network


# Each with a square picture and another, of sides that its total stride divides.
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[tuple[int, int], ...]]] = {
    "small_resnet": (lambda: SmallResNet(10, blocks=2, pool=True), ((32, 32), (24, 40))),
    "resnet18": (lambda: torchvision.models.resnet18(num_classes=10), ((64, 64), (32, 96))),
    "resnet50": (lambda: torchvision.models.resnet50(num_classes=10), ((64, 64), (64, 32))),
    "vgg16": (small_vgg, ((32, 32),)),
    "mobilenet_v2": (lambda: MobileNetV2(num_classes=10, width_mult=0.5), ((64, 64), (32, 64))),
    "densenet121": (lambda: torchvision.models.densenet121(num_classes=10), ((32, 64),)),
}
SHIFTS = [(1, 0), (2, 3), (7, 31)]


def alive(network: nn.Module, size: tuple[int, int] = (32, 32)) -> nn.Module:
    """Give batch norms statistics, so that the answers of an untrained network differ from picture to picture."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.randn(8, 3, *size))
    return network.eval()


def greatest_change(network: nn.Module, images: Tensor) -> float:
    """The largest change of any answer under cyclic shifts, as a share of how the answers of two pictures differ."""
    with torch.no_grad():
        still = network(images)
        moved = [network(images.roll(shift, (2, 3))) for shift in SHIFTS]
    return float(max((answer - still).abs().max() for answer in moved) / (still[0] - still[1]).abs().max())


@pytest.mark.parametrize(
    ("name", "learned"), [*((name, False) for name in NETWORKS), ("small_resnet", True), ("mobilenet_v2", True)]
)
def test_untrained_network_does_not_see_any_cyclic_shift(name: str, learned: bool) -> None:
    torch.manual_seed(0)
    make, sizes = NETWORKS[name]
    plain = make()
    network = copy.deepcopy(plain)
    apply_mitigations(network, [{"polyphase": {"learned": learned}}, "circular_padding"])
    circular_padding(plain)
    alive(network, sizes[0])
    alive(plain, sizes[0])
    for size in sizes:
        images = torch.randn(2, 3, *size)
        assert greatest_change(plain, images) > 1e-2
        assert greatest_change(network, images) < 1e-5


@pytest.mark.parametrize("learned", [False, True])
def test_trained_network_does_not_see_any_cyclic_shift(learned: bool, plain_weights: str) -> None:
    torch.manual_seed(0)
    network = SmallResNet(10, blocks=2, pool=True)
    network.load_state_dict(load_file(plain_weights))
    apply_mitigations(network, ["circular_padding", {"polyphase": {"learned": learned}}])
    assert greatest_change(network.eval(), torch.randn(8, 3, 32, 32)) < 1e-5
    assert greatest_change(network, torch.randn(2, 3, 40, 64)) < 1e-5


def test_order_of_the_two_does_not_matter() -> None:
    torch.manual_seed(0)
    one = small_vgg()
    other = copy.deepcopy(one)
    polyphase(one)
    circular_padding(one)
    circular_padding(other)
    polyphase(other)
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(one.eval()(images), other.eval()(images))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.shortcut = nn.Conv2d(3, 4, 1, stride=2)
        self.pool = nn.MaxPool2d(2)

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([self.block(images) + self.shortcut(images), self.pool(images)], 1)


def test_every_branch_keeps_the_phase_of_the_first_by_hand() -> None:
    torch.manual_seed(0)
    network = Block()
    plain = copy.deepcopy(network)
    changes = polyphase(network)
    assert [str(change) for change in changes] == [
        "block: 3x3 convolution, stride 2 -> 1, one of 4 phases kept: largest norm (cumulative stride 2)",
        "shortcut: 1x1 convolution, stride 2 -> 1, one of 4 phases kept: as in block (cumulative stride 2)",
        "pool: max pool, stride 2 -> 1, one of 4 phases kept: as in block (cumulative stride 2)",
    ]
    images = torch.randn(6, 3, 8, 6)
    answer = network(images)
    block = F.conv2d(images, plain.block.weight, plain.block.bias, padding=1)
    phases = loudest_phase(block, (2, 2)).tolist()
    assert len(set(phases)) > 1
    for image, phase, kept in zip(images, phases, answer, strict=True):
        # What a plain stride makes of the picture moved to the phase; nothing lies beyond the border.
        row, column = phase // 2, phase % 2
        moved = F.pad(image, (0, 2, 0, 2), value=0)[:, row : row + 8, column : column + 6]
        floor = F.pad(image, (0, 2, 0, 2), value=float("-inf"))[:, row : row + 8, column : column + 6]
        expected = torch.cat([plain.shortcut(moved), F.max_pool2d(floor, 2)])
        expected[:4] += F.conv2d(F.pad(image, (1, 1, 1, 1)), plain.block.weight, plain.block.bias)[:, row::2, column::2]
        torch.testing.assert_close(kept, expected)


@pytest.mark.parametrize("size", [(33, 47), (35, 31), (9, 13)])
def test_other_sizes_keep_the_output_size_of_the_plain_network(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(4, 4, 2, 2, 1))
    network = copy.deepcopy(plain)
    polyphase(network)
    images = torch.randn(2, 3, *size)
    assert network(images).shape == plain(images).shape
    assert network(images).isfinite().all()


def test_circular_padding_refuses_what_the_stride_does_not_divide() -> None:
    network = SmallResNet(10, blocks=1, pool=True)
    apply_mitigations(network, ["polyphase", "circular_padding"])
    network(torch.randn(2, 3, 24, 40))
    with pytest.raises(UserError, match="has 10 x 12 windows for a map of 9 x 12; choose an image size"):
        network(torch.randn(2, 3, 36, 48))


def test_circular_padding_refuses_windows_that_do_not_fill_the_map() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(3, 2))
    apply_mitigations(network, ["polyphase", "circular_padding"])
    with pytest.raises(UserError, match="has 6 x 6 windows for a map of 8 x 8; leave circular_padding out"):
        network(torch.randn(1, 3, 8, 8))


@pytest.mark.parametrize("learned", [False, True])
def test_network_keeps_channels_last_keys_and_gradients(learned: bool) -> None:
    torch.manual_seed(0)
    network, plain = SmallResNet(10, blocks=1, pool=True), SmallResNet(10, blocks=1, pool=True)
    polyphase(network, learned)
    keys = network.load_state_dict(plain.state_dict(), strict=not learned)
    assert not keys.unexpected_keys
    assert {key.split(".phase.")[0] for key in keys.missing_keys} == (
        {"maxpool", "layer2.0.conv1", "layer3.0.conv1"} if learned else set()
    )
    network.to(memory_format=torch.channels_last)
    layouts = []
    for layer in network.modules():
        if isinstance(layer, KeepPhase):
            layer.register_forward_hook(
                lambda _layer, _inputs, out: layouts.append(out.is_contiguous(memory_format=torch.channels_last))
            )
    network(torch.randn(4, 3, 32, 32).to(memory_format=torch.channels_last)).square().sum().backward()
    assert layouts == [True] * 5
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


@pytest.mark.parametrize("learned", [False, True])
def test_network_copies_saves_traces_and_exports(learned: bool) -> None:
    torch.manual_seed(0)
    network = SmallResNet(10, blocks=1, pool=True)
    apply_mitigations(network, [{"polyphase": {"learned": learned}}, "circular_padding"])
    images = torch.randn(2, 3, 32, 24)
    network.train()(images).sum().backward()  # nothing of a pass that ran may stand in the way
    expected = network.eval()(images)
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
        torch.testing.assert_close(twin(images.roll((3, 5), (2, 3))), expected, atol=1e-4, rtol=1e-4)


def test_network_compiles_whole() -> None:
    torch.manual_seed(0)
    network = Block()
    polyphase(network)
    images = torch.randn(2, 3, 8, 6)
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(images), network(images))


@pytest.mark.parametrize("learned", [False, True])
def test_half_precision_trains(learned: bool) -> None:
    torch.manual_seed(0)
    network = SmallResNet(10, blocks=1, pool=True)
    apply_mitigations(network, [{"polyphase": {"learned": learned}}, "circular_padding"])
    images = torch.randn(4, 3, 32, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = F.cross_entropy(network(images), torch.arange(4))
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in network.parameters())
    with torch.no_grad():
        assert network.to(torch.bfloat16).eval()(images.bfloat16()).isfinite().all()


class Mixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.twice = nn.MaxPool2d(2)
        self.alone = nn.Conv2d(4, 4, 3, stride=2, padding=1)
        self.wide = nn.AvgPool2d(4)
        self.grid = nn.AdaptiveAvgPool2d((2, 2))

    def forward(self, images: Tensor) -> Tensor:
        both = self.left(images) + images[:, :, ::2, ::2].amax(1, keepdim=True)
        return self.grid(self.wide(self.alone(self.twice(self.twice(both)))))


def test_what_cannot_be_done_is_left_whole_and_named() -> None:
    changes = {change.place: change for change in polyphase(Mixed())}
    assert [place for place, change in changes.items() if change.changed] == ["alone"]
    assert "function call" in changes["getitem"].what
    assert changes["left"].what == "because its result meets that of getitem, which is left alone"
    assert "more than once" in changes["twice"].what
    assert "average pool of stride 4" in changes["wide"].what


def test_stem_is_included_unless_told_otherwise() -> None:
    with_stem, without = (polyphase(MobileNetV2(width_mult=0.25), stem=stem)[0] for stem in (True, False))
    assert with_stem.changed
    assert str(without).startswith("features.0.0: left alone, the stem convolution")


def test_what_is_no_use_is_refused() -> None:
    network = SmallResNet(10, blocks=1, pool=True)
    polyphase(network)
    with pytest.raises(
        UserError, match="polyphase finds nothing to change in SmallResNet: it has no strided operation"
    ):
        polyphase(network)
    with pytest.raises(UserError, match="apply blur first, and not together with polyphase"):
        apply_mitigations(network, ["blurpool"])
    with pytest.raises(UserError, match="are already in anti-aliasing filters"):
        apply_mitigations(SmallResNet(10, blocks=1, pool=True), ["blurpool", "polyphase"])


def test_a_layer_that_follows_cannot_run_alone() -> None:
    network = Block()
    polyphase(network)
    with pytest.raises(UserError, match="run the network as a whole"):
        network.shortcut(torch.randn(1, 3, 4, 4))
