import pytest
import torch

from lit_invariance.protocols import Diagonal, generator_for

DRAW = generator_for(0, "diagonal", 0)


def test_the_published_33_windows():
    picture = torch.rand(3, 256, 256)
    views = Diagonal()(picture, DRAW)
    assert Diagonal().steps == tuple(range(33))
    assert len(views) == 33
    for step, view in enumerate(views):
        assert torch.equal(view, picture[:, step : step + 224, step : step + 224])


def test_the_picture_in_the_window_moves_up_and_to_the_left():
    picture = torch.zeros(3, 256, 256)
    picture[:, 100, 140] = 1
    lit = [tuple(view[0].nonzero()[0].tolist()) for view in Diagonal()(picture, DRAW)]
    assert lit == [(100 - step, 140 - step) for step in range(33)]


@pytest.mark.parametrize(("size", "windows"), [(32, 6), (64, 10), (299, 44)])
def test_other_sizes_show_the_whole_diagonal(size, windows):
    protocol = Diagonal(size=size)
    views = protocol.views(100, 100, DRAW)
    assert len(views) == len(protocol.steps) == windows
    assert views[0].at_top == 0
    assert views[-1].at_top + views[-1].to_height == size
