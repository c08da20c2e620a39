import math

import pytest
import torch
from torch import Tensor, nn

from lit_invariance.errors import UserError
from lit_invariance.mitigations.surgery.blurpool import BlurPool2d

# Relative error of a one-pixel shift after one step of stride 2, on 1/f noise, measured apart from this code. The
# definition behind these figures: noise whose amplitude falls with 1/f, on a torus of 32; the picture moves by one
# pixel along both axes, so the result should move by half a sample; that ideal move is made with the Fourier transform,
# and the norm of the difference is divided by the norm of the result.
YARDSTICK = {1: 0.83, 2: 0.43, 3: 0.25, 4: 0.15, 5: 0.093, 7: 0.039}


@pytest.mark.parametrize("taps", range(2, 8))
@pytest.mark.parametrize("padding", ["reflect", "replicate", "zero"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_equals_the_published_layer_with_its_gradient(taps: int, padding: str, stride: int) -> None:
    antialiased_cnns = pytest.importorskip("antialiased_cnns", reason="the extra `antialiased` is not installed")
    published = antialiased_cnns.BlurPool(6, pad_type=padding, filt_size=taps, stride=stride)
    for size in ((14, 13), (9, 16)):
        maps = torch.randn(2, 6, *size, requires_grad=True)
        ours, theirs = BlurPool2d(taps, stride, padding)(maps), published(maps)
        torch.testing.assert_close(ours, theirs)
        weight = torch.randn_like(theirs)
        torch.testing.assert_close(*(torch.autograd.grad((y * weight).sum(), maps)[0] for y in (ours, theirs)))


@pytest.mark.parametrize("taps", range(2, 8))
@pytest.mark.parametrize("padding", ["reflect", "replicate", "circular"])
def test_constant_map_stays_constant(taps: int, padding: str) -> None:
    for size in (1, 2, 5, 12):
        blurred = BlurPool2d(taps, 2, padding)(torch.full((1, 2, size, size), 3.0))
        torch.testing.assert_close(blurred, torch.full_like(blurred, 3.0))


def test_zero_padding_darkens_the_border() -> None:
    blurred = BlurPool2d(3, 2, "zero")(torch.ones(1, 1, 8, 8))
    assert blurred[0, 0, 0, 1] == 0.75
    assert blurred[0, 0, 1, 1] == 1


def one_over_f_noise(size: int) -> Tensor:
    frequency = torch.fft.fftfreq(size, dtype=torch.float64)
    radius = torch.hypot(frequency[:, None], frequency[None])
    amplitude = torch.where(radius > 0, 1 / radius.clamp(min=1e-9), 0)
    white = torch.randn(16, 4, size, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return torch.fft.ifft2(torch.fft.fft2(white) * amplitude).real


def moved_by_half(maps: Tensor) -> Tensor:
    """Move by half a sample along both axes with the Fourier transform."""
    size = maps.shape[-1]
    turn = torch.exp(-1j * math.pi * torch.fft.fftfreq(size, dtype=torch.float64))
    turn = torch.where(torch.arange(size) == size // 2, 0, turn)
    return torch.fft.ifft2(torch.fft.fft2(maps) * turn[:, None] * turn).real


@pytest.mark.parametrize("taps", YARDSTICK)
def test_error_of_a_one_pixel_shift_meets_the_yardstick(taps: int) -> None:
    step = nn.MaxPool2d(1, 2) if taps == 1 else BlurPool2d(taps, 2, "circular")
    noise = one_over_f_noise(32)
    still, moved = step(noise), step(noise.roll((1, 1), (2, 3)))
    error = float((moved - moved_by_half(still)).norm() / still.norm())
    assert error == pytest.approx(YARDSTICK[taps], rel=0.08)


def test_leaves_no_key_in_the_state_dict() -> None:
    assert not BlurPool2d(4).state_dict()


def test_runs_in_half_precision_as_a_module() -> None:
    maps = torch.rand(1, 2, 6, 6)
    half = BlurPool2d(7).half()(maps.half())
    torch.testing.assert_close(half.float(), BlurPool2d(7)(maps), atol=2e-3, rtol=0)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"taps": 1}, "2 to 7 taps, not 1"),
        ({"taps": 8}, "not 8"),
        ({"taps": True}, "not True"),
        ({"taps": "4"}, "not '4'"),
        ({"taps": 4.0}, "not 4.0"),
        ({"taps": []}, r"not \[\]"),
        ({"stride": 0}, "not 0"),
        ({"stride": (2, 0)}, r"not \(2, 0\)"),
        ({"stride": (2, 2, 2)}, "a pair of them"),
        ({"padding": "reflct"}, "did you mean reflect"),
    ],
)
def test_bad_option_is_named(options: dict[str, object], part: str) -> None:
    with pytest.raises(UserError, match=part):
        BlurPool2d(**options)  # type: ignore[arg-type]


def test_takes_any_filter_and_a_pair_of_strides() -> None:
    maps = torch.randn(2, 3, 9, 12)
    blur = BlurPool2d([0.5, -0.25, 0.75], (1, 3), "circular")
    windows = [maps.roll((1 - row, 1 - column), (2, 3)) for row in range(3) for column in range(3)]
    kernel = torch.outer(*[torch.tensor([0.5, -0.25, 0.75])] * 2).flatten()
    expected = sum(weight * window for weight, window in zip(kernel, windows, strict=True))[..., ::3]
    torch.testing.assert_close(blur(maps), expected)
    assert repr(blur) == "BlurPool2d(taps=[0.5, -0.25, 0.75], stride=(1, 3), padding=circular)"


def test_one_tap_is_a_plain_stride() -> None:
    maps = torch.randn(1, 2, 7, 5)
    assert torch.equal(BlurPool2d([1.0], (4, 2))(maps), maps[:, :, ::4, ::2])
