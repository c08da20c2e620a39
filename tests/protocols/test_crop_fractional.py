import pytest
import torch
import torch.nn.functional as F

from lit_invariance.protocols import CropFractional, Rings, generator_for

DRAW = generator_for(0, "crop_fractional", 0)


@pytest.mark.parametrize("size", [16, (12, 20)])
@pytest.mark.parametrize("m", [1, 2, 3])
def test_views_are_samples_of_the_larger_picture(size, m):
    """Witness: PyTorch's sampling on a grid with aligned corners; a move of the picture moves the samples backwards."""
    picture = torch.rand(3, 40, 61, generator=torch.Generator().manual_seed(0))
    protocol = CropFractional(size=size, m=m)
    views, larger = protocol(picture, DRAW), protocol.larger(picture, 1)
    high, wide = larger.shape[1:]
    assert (high - 2, wide - 2) == protocol.window
    for view, (down, right) in zip(views, protocol.moves, strict=True):
        rows = (torch.arange(1, high - 1) - down) * 2 / (high - 1) - 1
        columns = (torch.arange(1, wide - 1) - right) * 2 / (wide - 1) - 1
        grid = torch.stack([columns.expand(len(rows), -1), rows[:, None].expand(-1, len(columns))], dim=-1)
        expected = F.grid_sample(larger[None], grid[None], align_corners=True)[0]
        torch.testing.assert_close(view, expected, atol=2e-6, rtol=0)


def test_a_pixel_is_shared_out_between_its_neighbours():
    """By hand: half a pixel up leaves half in each of two rows; nothing comes in from the other side."""
    picture = torch.zeros(3, 18, 18)  # 16 and a pixel around it
    picture[:, 5, 7] = 1
    protocol = CropFractional(size=16, m=2)
    half = protocol(picture, DRAW)[protocol.moves.index((-0.5, 0.0))][0]
    assert half.nonzero().tolist() == [[3, 6], [4, 6]]
    assert half[3:5, 6].tolist() == [0.5, 0.5]
    corner = protocol(picture, DRAW)[protocol.moves.index((-0.5, 0.5))][0]
    assert corner[3:5, 6:8].tolist() == [[0.25, 0.25], [0.25, 0.25]]
    edge = torch.zeros(3, 18, 18)
    edge[:, 17, 7] = 1
    views = protocol(edge, DRAW)[:, 0]
    assert views[0].sum() == 0
    assert views[protocol.moves.index((-0.5, 0.0))].nonzero().tolist() == [[15, 6]]
    assert views[protocol.moves.index((0.5, 0.0))].sum() == 0


def test_whole_pixels_are_those_of_the_rings():
    picture = torch.rand(3, 40, 61)
    fractional, whole = CropFractional(size=16, m=3), Rings(size=16, m=1)
    views = dict(zip(fractional.moves, fractional(picture, DRAW), strict=True))
    for move, view in zip(whole.moves, whole(picture, DRAW), strict=True):
        assert torch.equal(views[move], view)
