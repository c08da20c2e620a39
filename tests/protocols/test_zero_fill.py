import pytest
import torch

from lit_invariance.protocols import ZeroFill, generator_for

DRAW = generator_for(0, "zero_fill", 0)


@pytest.mark.parametrize(("direction", "down", "right"), [("diagonal", 1, 1), ("vertical", 1, 0), ("horizontal", 0, 1)])
def test_moves_down_and_right_over_black(direction, down, right):
    picture = torch.rand(3, 32, 32) / 2 + 0.5
    first, second = ZeroFill(size=32, direction=direction)(picture, DRAW)
    assert torch.equal(first, picture)
    for row in range(32):
        for column in range(32):
            uncovered = row < down or column < right
            expected = torch.zeros(3) if uncovered else picture[:, row - down, column - right]
            assert torch.equal(second[:, row, column], expected)


def test_what_lies_beyond_the_centre_crop_does_not_come_into_view():
    picture = torch.ones(3, 36, 36)
    assert ZeroFill(size=32)(picture, DRAW)[1, :, 0].sum() == 0


def test_mean_background_is_zero_after_normalisation():
    mean = (0.4, 0.5, 0.6)
    view = ZeroFill(size=32, mean=mean, background="mean")(torch.ones(3, 32, 32), DRAW)[1]
    assert view[:, 0, 5].tolist() == pytest.approx(mean)
    assert view[:, 5, 0].tolist() == pytest.approx(mean)
    assert view[:, 1:, 1:].min() == 1
