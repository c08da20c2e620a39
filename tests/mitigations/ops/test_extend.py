import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lit_invariance.mitigations.ops.extend import extend

NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@pytest.mark.parametrize("mode", NUMPY_MODES)
def test_equals_numpy_for_any_margin(mode: str) -> None:
    for height, width, above, left in itertools.product((1, 2, 3, 7), (1, 4), (0, 1, 5), (0, 2, 9)):
        maps = torch.arange(2.0 * height * width).view(1, 2, height, width)
        pads = [(0, 0), (0, 0), (above, 1), (left, 3)]
        expected = torch.from_numpy(np.pad(maps.numpy(), pads, mode=NUMPY_MODES[mode]))  # type: ignore[call-overload]
        assert torch.equal(extend(maps, (above, 1, left, 3), mode), expected)


@pytest.mark.parametrize("mode", NUMPY_MODES)
def test_gradient_is_the_derivative(mode: str) -> None:
    maps = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: extend(x, (1, 4, 2, 7), mode), maps)
    assert torch.autograd.gradgradcheck(lambda x: extend(x, (1, 4, 2, 7), mode), maps)


@pytest.mark.parametrize("mode", NUMPY_MODES)
def test_gradient_equals_that_of_torch_in_channels_last(mode: str) -> None:
    maps = torch.randn(2, 8, 5, 6).to(memory_format=torch.channels_last).requires_grad_()
    ours, theirs = extend(maps, (1, 2, 3, 1), mode), F.pad(maps, (3, 1, 1, 2), mode=mode)
    weight = torch.randn_like(theirs).contiguous(memory_format=torch.channels_last)
    (gradient,) = torch.autograd.grad((ours * weight).sum(), maps)
    torch.testing.assert_close(gradient, torch.autograd.grad((theirs * weight).sum(), maps)[0])
    assert ours.is_contiguous(memory_format=torch.channels_last)
    assert gradient.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("mode", NUMPY_MODES)
def test_deterministic_mode_is_allowed(mode: str) -> None:
    torch.use_deterministic_algorithms(True)
    try:
        maps = torch.rand(1, 4, 3, 2, requires_grad=True)
        extend(maps, (2, 2, 2, 2), mode).sum().backward()
    finally:
        torch.use_deterministic_algorithms(False)


def test_no_margin_costs_nothing() -> None:
    maps = torch.rand(1, 1, 2, 2)
    assert extend(maps, (0, 0, 0, 0), "circular") is maps


@pytest.mark.parametrize("mode", NUMPY_MODES)
def test_autocast_leaves_the_type_alone(mode: str) -> None:
    maps = torch.rand(1, 2, 5, 4).bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        extended = extend(maps, (1, 2, 1, 2), mode)
    extended.sum().backward()
    assert extended.dtype == maps.grad.dtype == torch.bfloat16  # type: ignore[union-attr]
