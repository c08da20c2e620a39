import itertools

import numpy as np
import pytest
import torch

from lit_invariance.mitigations.ops.low_pass import PADDINGS, low_pass
from lit_invariance.mitigations.surgery.blurpool import binomial

NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap", "zero": "constant"}


def by_numpy(maps: torch.Tensor, taps: torch.Tensor, stride: tuple[int, int], padding: str) -> torch.Tensor:
    """Pad a copy with numpy and sum window by window."""
    before, after = (len(taps) - 1) // 2, len(taps) // 2
    padded = np.pad(maps.numpy(), [(0, 0), (0, 0), (before, after), (before, after)], mode=NUMPY_MODES[padding])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (len(taps), len(taps)), axis=(2, 3))
    kernel = np.outer(taps.numpy(), taps.numpy())
    return torch.from_numpy((windows * kernel).sum((-2, -1))[:, :, :: stride[0], :: stride[1]].copy())


@pytest.mark.parametrize("padding", PADDINGS)
def test_equals_padding_by_numpy_on_every_small_map(padding: str) -> None:
    generator = torch.Generator().manual_seed(0)
    for count, step, height, width in itertools.product(range(1, 8), (1, 2, 3, 4), (1, 2, 3, 5, 8, 13), (1, 4, 9)):
        taps = torch.rand(count, generator=generator, dtype=torch.float64)  # uneven, so that a flip would show
        maps = torch.randn(2, 3, height, width, generator=generator, dtype=torch.float64)
        stride = (step, 1 + (step + count) % 4)
        torch.testing.assert_close(low_pass(maps, taps, stride, padding), by_numpy(maps, taps, stride, padding))


def test_training_keeps_no_extended_map() -> None:
    maps = torch.randn(2, 8, 12, 10, requires_grad=True)
    kept: list[tuple[int, ...]] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda saved: kept.append(saved.shape) or saved, lambda saved: saved):
        low_pass(maps, binomial(4), 2, "reflect")
    assert kept == [(4,)]  # the taps


@pytest.mark.parametrize("padding", PADDINGS)
def test_no_pictures_give_none(padding: str) -> None:
    maps = torch.zeros(0, 4, 9, 8)
    assert low_pass(maps, binomial(3), (2, 2), padding).shape == (0, 4, 5, 4)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("count", "stride", "size"), [(2, 2, (6, 7)), (4, 2, (7, 6)), (7, 3, (2, 5)), (5, 1, (1, 4))])
def test_gradient_is_the_derivative(padding: str, count: int, stride: int, size: tuple[int, int]) -> None:
    maps = torch.randn(1, 2, *size, dtype=torch.float64, requires_grad=True)
    taps = torch.rand(count, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: low_pass(x, taps, stride, padding), maps)
    assert torch.autograd.gradgradcheck(lambda x: low_pass(x, taps, stride, padding), maps)


@pytest.mark.parametrize("padding", PADDINGS)
def test_keeps_channels_last_forwards_and_backwards(padding: str) -> None:
    maps = torch.randn(2, 8, 12, 10).to(memory_format=torch.channels_last).requires_grad_()
    filtered = low_pass(maps, binomial(4), 2, padding)
    filtered.backward(torch.ones_like(filtered))
    assert filtered.is_contiguous(memory_format=torch.channels_last)
    assert maps.grad is not None
    assert maps.grad.is_contiguous(memory_format=torch.channels_last)
    for part in (maps[:, :4], maps[:, :, 1:, 1:]):
        assert low_pass(part, binomial(4), 2, padding).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_keeps_its_type_and_value(padding: str, dtype: torch.dtype) -> None:
    maps = torch.rand(1, 4, 9, 8).to(dtype).requires_grad_()
    filtered = low_pass(maps, binomial(5), 2, padding)
    filtered.sum().backward()
    assert filtered.dtype == dtype
    assert maps.grad is not None
    assert maps.grad.dtype == dtype
    # Three sums are rounded, each by at most one unit in the last place of a value below one.
    exact = low_pass(maps.detach().float(), binomial(5), 2, padding)
    torch.testing.assert_close(filtered.float(), exact, atol=2 * torch.finfo(dtype).eps, rtol=0)


def test_runs_under_autocast_with_a_float32_gradient() -> None:
    maps = torch.rand(1, 4, 9, 8, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        filtered = low_pass(maps * 1.0, binomial(4), 2, "reflect")
    filtered.float().pow(2).sum().backward()
    assert filtered.dtype == torch.float32  # as the images
    assert maps.grad is not None
    assert maps.grad.dtype == torch.float32
    plain = torch.autograd.functional.jacobian(lambda x: low_pass(x, binomial(4), 2, "reflect").pow(2).sum(), maps)
    torch.testing.assert_close(maps.grad, plain, atol=0.02, rtol=0)


@pytest.mark.parametrize("padding", PADDINGS)
def test_deterministic_mode_is_allowed(padding: str) -> None:
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        maps = torch.rand(1, 4, 9, 8, requires_grad=True)
        low_pass(maps, binomial(4), 2, padding).sum().backward()
    finally:
        torch.use_deterministic_algorithms(before)
