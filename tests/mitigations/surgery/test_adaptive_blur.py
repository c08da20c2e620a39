import pytest
import torch
from torch import Tensor, nn

from lit_invariance.errors import UserError
from lit_invariance.mitigations.surgery.adaptive_blur import AdaptiveBlur2d, adaptive_blur, filter_each_place
from lit_invariance.mitigations.surgery.blurpool import BlurPool2d, antialias
from lit_invariance.models.small_resnet import SmallResNet


@pytest.mark.parametrize("padding", ["reflect", "replicate", "circular", "zero"])
@pytest.mark.parametrize(("taps", "stride"), [(2, 2), (3, 2), (4, 3), (5, 1)])
def test_begins_as_the_binomial_filter(padding: str, taps: int, stride: int) -> None:
    for size in ((9, 12), (1, 2)):
        maps = torch.randn(2, 6, *size)
        filtered = AdaptiveBlur2d(6, taps, stride, 8, padding)(maps)
        torch.testing.assert_close(filtered, BlurPool2d(taps, stride, padding)(maps))


def trained(channels: int, taps: int, groups: int = 8, stride: int = 2) -> AdaptiveBlur2d:
    blur = AdaptiveBlur2d(channels, taps, stride, groups)
    nn.init.normal_(blur.predict.weight)
    return blur


def test_equals_a_sum_place_by_place() -> None:
    blur = trained(6, 3, groups=2).double()
    maps = torch.randn(2, 6, 5, 6, dtype=torch.float64)
    padded = nn.functional.pad(maps, (1, 1, 1, 1), mode="reflect")
    filters = nn.functional.conv2d(padded, blur.predict.weight, blur.predict.bias, stride=2)
    expected = torch.empty(2, 6, 3, 3, dtype=torch.float64)
    for image in range(2):
        for channel in range(6):
            own = filters[image, 9 * (channel // 3) : 9 * (channel // 3) + 9].softmax(0)
            for row in range(3):
                for column in range(3):
                    window = padded[image, channel, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
                    expected[image, channel, row, column] = (own[:, row, column].view(3, 3) * window).sum()
    torch.testing.assert_close(blur(maps), expected)


def test_constant_map_stays_constant() -> None:
    filtered = trained(8, 4)(torch.full((1, 8, 7, 6), 3.0))
    torch.testing.assert_close(filtered, torch.full_like(filtered, 3.0))


def test_groups_divide_the_channels() -> None:
    assert [AdaptiveBlur2d(channels).groups for channels in (1, 6, 10, 24, 64)] == [1, 6, 5, 8, 8]


def test_gradient_is_the_derivative() -> None:
    maps = torch.randn(1, 4, 6, 5, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(1, 2, 9, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, w: filter_each_place(x, w, (2, 2)), (maps, weights))


def test_keeps_channels_last_and_type() -> None:
    maps = torch.rand(2, 8, 9, 8).to(memory_format=torch.channels_last)
    blur = trained(8, 3).to(memory_format=torch.channels_last)
    assert blur(maps).is_contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = blur(maps.bfloat16())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), blur(maps), atol=0.03, rtol=0)


def test_network_begins_as_with_blurpool_and_lacks_only_the_new_keys() -> None:
    torch.manual_seed(0)
    network, blurred = SmallResNet(10, blocks=1, pool=True), SmallResNet(10, blocks=1, pool=True)
    plain = {key: value.clone() for key, value in network.state_dict().items()}
    blurred.load_state_dict(plain)
    adaptive_blur(network, taps=3)
    antialias(blurred, taps=3)
    keys = network.load_state_dict(plain, strict=False)
    assert not keys.unexpected_keys
    assert len(keys.missing_keys) == 2 * len(
        [layer for layer in network.modules() if isinstance(layer, AdaptiveBlur2d)]
    )
    assert all(".predict." in key for key in keys.missing_keys)
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(network.eval()(images), blurred.eval()(images), atol=1e-5, rtol=1e-5)


def test_every_parameter_learns_and_the_network_exports() -> None:
    torch.manual_seed(0)
    network = SmallResNet(10, blocks=1, pool=True)
    adaptive_blur(network)
    images = torch.randn(4, 3, 32, 32)
    loss: Tensor = nn.functional.cross_entropy(network(images), torch.arange(4))
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())
    exported = torch.export.export(network.eval(), (images,)).module()
    torch.testing.assert_close(exported(images), network(images))


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"taps": 1}, "2 to 7 taps, not 1"),
        ({"groups": 0}, "whole number of at least 1, not 0"),
        ({"padding": "reflct"}, "did you mean reflect"),
    ],
)
def test_bad_option_leaves_the_network_alone(options: dict[str, object], part: str) -> None:
    network = SmallResNet(10, blocks=1, pool=True)
    with pytest.raises(UserError, match=part):
        adaptive_blur(network, **options)  # type: ignore[arg-type]
    assert not any(isinstance(layer, AdaptiveBlur2d) for layer in network.modules())
