import pytest
import torch
from torch import nn

from lit_invariance.metrics import agreement, mean_absolute_change, top1_change
from lit_invariance.protocols import CentreCrop, Circular, ZeroFill, generator_for


def test_both_views_are_rolls_of_the_centre_crop_by_their_offsets():
    """Witness: pixel (y, x) is found at ((y + down) mod S, (x + right) mod S)."""
    picture = torch.rand(3, 40, 60)
    protocol = Circular(size=32)
    (base,) = CentreCrop(size=32)(picture, generator_for(0, "c", 0))
    grid = torch.arange(32)
    for index in range(10):
        offsets = protocol.offsets(generator_for(0, "circular", index))
        for view, (down, right) in zip(protocol(picture, generator_for(0, "circular", index)), offsets, strict=True):
            expected = torch.zeros_like(base)
            expected[:, ((grid + down) % 32)[:, None], ((grid + right) % 32)[None]] = base
            assert torch.equal(view, expected)


def test_positive_offsets_move_down_and_right():
    picture = torch.zeros(3, 8, 8)
    picture[:, 6, 1] = 1
    assert Circular(size=8).move(picture, 3, -2)[0].nonzero().tolist() == [[1, 7]]
    assert Circular(size=8).move(picture, 1, 2)[0].nonzero().tolist() == [[7, 3]]


@pytest.mark.parametrize(("options", "m"), [({}, 32), ({"size": 32}, 3), ({"size": 64}, 9), ({"size": 32, "m": 1}, 1)])
def test_offsets_cover_the_range(options, m):
    draws = [Circular(**options).offsets(generator_for(0, "circular", index)) for index in range(1000)]
    assert all(first != second for first, second in draws)
    for view in range(2):
        for axis in range(2):
            assert {pair[view][axis] for pair in draws} == set(range(-m, m + 1))


def circular_network(size):
    """Circular padding, no stride, global pooling."""
    torch.manual_seed(0)
    options = {"kernel_size": 5, "padding": 2, "padding_mode": "circular", "dtype": torch.float64}
    return nn.Sequential(
        nn.Conv2d(3, 16, **options),
        nn.ReLU(),
        nn.Conv2d(16, 16, **options),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 10, dtype=torch.float64),
    ).eval()


@pytest.mark.parametrize("size", [32, 33])
def test_a_network_without_borders_or_strides_never_changes_its_answer(size):
    protocol, network = Circular(size=size), circular_network(size)
    pictures = [torch.rand(3, 50, 60, generator=generator_for(1, "picture", index)) for index in range(8)]
    stacks = [protocol(picture, generator_for(0, "circular", index)) for index, picture in enumerate(pictures)]
    with torch.no_grad():
        logits = torch.stack([network(stack.double()) for stack in stacks])
        strided = torch.stack([network(stack.double()[:, :, ::4, ::4]) for stack in stacks])
        bordered = torch.stack([network(ZeroFill(size=size)(p, generator_for(0, "z", 0)).double()) for p in pictures])
    assert (logits[:, 0] - logits[:, 1]).abs().max() < 1e-12
    assert top1_change(logits).tolist() == [0] * 8
    assert agreement(logits).tolist() == [1] * 8
    assert mean_absolute_change(logits).max() < 1e-6
    # The same network changes where the picture is subsampled, or loses a border: the claim above says something.
    assert mean_absolute_change(strided).mean() > 1e-5
    assert mean_absolute_change(bordered).mean() > 1e-5
