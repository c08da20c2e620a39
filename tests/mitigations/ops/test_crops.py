import numpy as np
import pytest
import torch

from lit_invariance.mitigations.ops.crops import random_offsets, shifted, windows

MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap", "zero": "constant"}


@pytest.mark.parametrize("padding", MODES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.bfloat16])
def test_windows_are_slices_of_a_padded_copy(padding, dtype):
    images = torch.randint(0, 200, (4, 3, 7, 9)).to(dtype)
    corners = torch.tensor([[0, 0], [-5, 3], [4, -6], [-8, 8]])
    cut = windows(images, corners, 6, 5, padding)
    assert cut.dtype == dtype
    assert cut.is_contiguous(memory_format=torch.channels_last)
    padded = np.pad(images.float().numpy(), ((0, 0), (0, 0), (20, 20), (20, 20)), mode=MODES[padding])
    for number, (row, column) in enumerate((corners + 20).tolist()):
        expected = torch.from_numpy(padded[number, :, row : row + 6, column : column + 5])
        assert torch.equal(cut[number].float(), expected)


def test_a_move_is_down_and_to_the_right():
    images = torch.zeros(2, 1, 5, 5)
    images[:, :, 2, 2] = 1
    moved = shifted(images, torch.tensor([[1, 2], [-2, 0]]), "zero")
    assert moved[0, 0].nonzero().tolist() == [[3, 4]]
    assert moved[1, 0].nonzero().tolist() == [[0, 2]]


def test_one_move_serves_all_pictures():
    images = torch.rand(3, 3, 8, 8)
    assert torch.equal(shifted(images, torch.tensor([3, -2]), "circular"), images.roll((3, -2), (2, 3)))


def test_random_offsets_cover_the_square_and_nothing_else():
    torch.manual_seed(0)
    offsets = random_offsets(2000, 2, torch.device("cpu"))
    pairs, counts = offsets.unique(dim=0, return_counts=True)
    assert len(pairs) == 25
    assert (pairs.min().item(), pairs.max().item()) == (-2, 2)
    assert counts.min() > 40
