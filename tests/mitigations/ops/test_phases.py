import pytest
import torch
from torch import Tensor

from lit_invariance.mitigations.ops.phases import keep_phase, loudest_phase


def by_hand(maps: Tensor, stride: tuple[int, int]) -> list[Tensor]:
    """The loudest phase of each map, one map and phase at a time."""
    kept = []
    for image in maps:
        phases = [image[:, i :: stride[0], j :: stride[1]] for i in range(stride[0]) for j in range(stride[1])]
        kept.append(max(phases, key=lambda phase: float(phase.double().square().sum())))
    return kept


@pytest.mark.parametrize("stride", [(2, 2), (3, 2), (1, 4)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_keeps_the_loudest_phase_of_each_map(stride: tuple[int, int], layout: torch.memory_format) -> None:
    maps = torch.randn(9, 5, 12, 8).contiguous(memory_format=layout)
    phase = loudest_phase(maps, stride)
    kept = keep_phase(maps, phase, stride)
    assert len(set(phase.tolist())) > 1
    assert torch.equal(kept, torch.stack(by_hand(maps, stride)))
    assert kept.is_contiguous(memory_format=layout)


def test_weights_mix_phases_and_one_is_a_choice() -> None:
    maps = torch.randn(3, 4, 6, 4).to(memory_format=torch.channels_last)
    phase = torch.tensor([3, 0, 2])
    one_hot = torch.nn.functional.one_hot(phase, 4).float()
    mixed = keep_phase(maps, one_hot, (2, 2))
    assert torch.equal(mixed, keep_phase(maps, phase, (2, 2)))
    assert mixed.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_is_the_derivative(weighted: bool) -> None:
    maps = torch.randn(2, 2, 4, 6, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(2, 6, dtype=torch.float64, requires_grad=True)
    if weighted:
        assert torch.autograd.gradcheck(lambda x, w: keep_phase(x, w, (2, 3)), (maps, weights))
    else:
        assert torch.autograd.gradcheck(lambda x: keep_phase(x, torch.tensor([5, 0]), (2, 3)), maps)


def shifted_alike(one: Tensor, other: Tensor) -> bool:
    """Whether one map is a cyclic shift of the other."""
    height, width = one.shape[-2:]
    return any(torch.equal(one.roll((i, j), (-2, -1)), other) for i in range(height) for j in range(width))


def test_a_cyclic_shift_keeps_the_same_samples() -> None:
    maps = torch.randn(1, 3, 8, 6)
    kept = keep_phase(maps, loudest_phase(maps, (2, 2)), (2, 2))
    for i in range(8):
        for j in range(6):
            moved = maps.roll((i, j), (2, 3))
            assert shifted_alike(keep_phase(moved, loudest_phase(moved, (2, 2)), (2, 2)), kept)


@pytest.mark.parametrize("mirror", ["rows", "columns", "both", "transposed"])
def test_phases_that_are_mirror_images_are_told_apart(mirror: str) -> None:
    phase = torch.rand(1, 2, 6, 6)
    image = {"rows": phase.flip(2), "columns": phase.flip(3), "both": phase.flip(2, 3), "transposed": phase.mT}[mirror]
    maps = torch.zeros(1, 2, 12, 12)
    maps[:, :, ::2, ::2], maps[:, :, 1::2, 1::2] = phase, image
    kept = keep_phase(maps, loudest_phase(maps, (2, 2)), (2, 2))
    assert not shifted_alike(phase, image)
    for shift in range(12):
        moved = maps.roll((shift, shift), (2, 3))
        assert shifted_alike(keep_phase(moved, loudest_phase(moved, (2, 2)), (2, 2)), kept)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_constant_maps_take_the_first_phase(value: float) -> None:
    assert loudest_phase(torch.full((2, 3, 4, 4), value), (2, 2)).tolist() == [0, 0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_chooses_in_float32(dtype: torch.dtype) -> None:
    maps = (torch.randn(6, 64, 32, 32) * 100).to(dtype)  # the sum of squares overflows float16
    assert torch.equal(loudest_phase(maps, (2, 2)), loudest_phase(maps.float(), (2, 2)))
    assert keep_phase(maps, loudest_phase(maps, (2, 2)), (2, 2)).dtype == dtype
