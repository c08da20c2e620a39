import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from lit_invariance.errors import UserError
from lit_invariance.mitigations.surgery.ideal_lowpass import IdealLowPass2d, ideal_lowpass
from lit_invariance.mitigations.surgery.padding import circular_padding
from lit_invariance.models.small_resnet import SmallResNet


def by_fourier(maps: Tensor, stride: tuple[int, int]) -> Tensor:
    """Transform, mask, transform back and subsample."""
    spectrum = torch.fft.fft2(maps.double())
    for dim, step in ((2, stride[0]), (3, stride[1])):
        size = maps.shape[dim]
        frequency = torch.fft.fftfreq(size, 1 / size).abs().round()  # whole turns a map
        shape = [-1 if axis == dim else 1 for axis in range(4)]
        spectrum = spectrum * (2 * step * frequency < size).view(shape)
    return torch.fft.ifft2(spectrum).real[:, :, :: stride[0], :: stride[1]]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_equals_the_fourier_transform_at_any_size(layout: torch.memory_format) -> None:
    for height, width, step in itertools.product((1, 2, 5, 8, 14), (3, 4, 12, 13), ((1, 1), (2, 2), (3, 2), (4, 1))):
        maps = torch.randn(2, 3, height, width).contiguous(memory_format=layout)
        filtered = IdealLowPass2d(step)(maps)
        torch.testing.assert_close(filtered.double(), by_fourier(maps, step), atol=1e-6, rtol=0)
        assert filtered.shape[2:] == (math.ceil(height / step[0]), math.ceil(width / step[1]))
    filtered = IdealLowPass2d(2)(torch.randn(2, 8, 8, 8).contiguous(memory_format=layout))
    assert filtered.is_contiguous(memory_format=layout)


def shifted(maps: Tensor, distance: float) -> Tensor:
    """Shift rows and columns by a fraction of a sample; maps hold nothing at their Nyquist frequency."""
    for dim in (2, 3):
        size = maps.shape[dim]
        turn = torch.exp(-2j * math.pi * distance * torch.fft.fftfreq(size, dtype=torch.float64))
        shape = [-1 if axis == dim else 1 for axis in range(4)]
        maps = torch.fft.ifft(torch.fft.fft(maps.double(), dim=dim) * turn.view(shape), dim=dim).real
    return maps


def one_over_f_noise(size: int) -> Tensor:
    frequency = torch.fft.fftfreq(size, dtype=torch.float64)
    radius = torch.hypot(frequency[:, None], frequency[None])
    amplitude = torch.where(radius > 0, 1 / radius.clamp(min=1e-9), 0)
    white = torch.randn(16, 4, size, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return torch.fft.ifft2(torch.fft.fft2(white) * amplitude).real


@pytest.mark.parametrize("size", [32, 64, 112])
def test_error_of_a_one_pixel_shift_meets_the_yardstick(size: int) -> None:
    noise = one_over_f_noise(size).float()
    still, moved = (IdealLowPass2d(2)(maps) for maps in (noise, noise.roll((1, 1), (2, 3))))
    error = float((moved.double() - shifted(still, 0.5)).norm() / still.double().norm())
    assert error < 4e-7  # rounding of float32; measured apart from this code: 2e-7


@pytest.mark.parametrize("size", [24, 30])
def test_linear_network_moves_by_half_pixels_with_its_band_limited_input(size: int) -> None:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.Conv2d(8, 8, 3, padding=1)]
    network = nn.Sequential(*layers)
    ideal_lowpass(network)
    circular_padding(network)
    picture = IdealLowPass2d(1)(torch.randn(2, 3, size, size, dtype=torch.float64))
    with torch.no_grad():
        still, moved = network(picture.float()), network(shifted(picture, 0.5).float())
    torch.testing.assert_close(moved.double(), shifted(still, 0.25), atol=1e-5, rtol=0)
    assert (still - moved).abs().max() > 0.01


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_rounded_once(dtype: torch.dtype) -> None:
    maps = torch.rand(1, 4, 9, 8).to(dtype).requires_grad_()
    filtered = IdealLowPass2d(2)(maps)
    filtered.sum().backward()
    assert torch.equal(filtered, IdealLowPass2d(2)(maps.detach().float()).to(dtype))
    assert maps.grad is not None
    assert maps.grad.dtype == dtype


def test_autocast_does_not_lower_the_precision() -> None:
    maps = torch.rand(1, 4, 8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(IdealLowPass2d(2)(maps), IdealLowPass2d(2)(maps.clone()))
        torch.testing.assert_close(IdealLowPass2d(2)(maps).double(), by_fourier(maps, (2, 2)), atol=1e-6, rtol=0)


def test_gradient_is_the_derivative() -> None:
    maps = torch.randn(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(IdealLowPass2d(2), maps)


def test_network_keeps_its_keys_and_exports() -> None:
    torch.manual_seed(0)
    network, plain = SmallResNet(10, blocks=1, pool=True), SmallResNet(10, blocks=1, pool=True)
    changes = ideal_lowpass(network)
    assert len(changes) == 5
    assert all(change.changed for change in changes)
    network.load_state_dict(plain.state_dict(), strict=True)
    images = torch.randn(2, 3, 32, 40)
    exported = torch.export.export(network.eval(), (images,)).module()
    torch.testing.assert_close(exported(images), network(images))
    assert torch.fx.symbolic_trace(network)(images).equal(network(images))


@pytest.mark.parametrize("stride", [0, 1.5, True, (2, 0)])
def test_bad_stride_is_named(stride: object) -> None:
    with pytest.raises(UserError, match="whole number of at least 1"):
        IdealLowPass2d(stride)  # type: ignore[arg-type]
