import pytest
import torch

from lit_invariance.protocols import ShiftGrid, generator_for

DRAW = generator_for(0, "shift_grid", 0)


@pytest.mark.parametrize(("m", "room"), [(1, 9), (3, 9), (16, 32)])
def test_the_views_as_a_map_over_the_shifts(m, room):
    """A 64-px window, its room, and the map of one bright pixel's places."""
    picture = torch.zeros(3, 64 + room, 64 + room)
    picture[:, 40, 45] = 1
    views = ShiftGrid(size=64, m=m)(picture, DRAW)[:, 0].flatten(1)
    places = torch.stack([views.argmax(1) // 64, views.argmax(1) % 64], dim=1).view(2 * m + 1, 2 * m + 1, 2)
    for dy in range(-m, m + 1):
        for dx in range(-m, m + 1):  # the window moves by (dy, dx), so the picture moves the other way
            assert places[dy + m, dx + m].tolist() == [40 - room // 2 - dy, 45 - room // 2 - dx]
    assert torch.equal(views.sum(1), torch.ones((2 * m + 1) ** 2))


def test_the_middle_is_the_centre_crop():
    picture = torch.rand(3, 256, 256)
    assert torch.equal(ShiftGrid()(picture, DRAW)[24], picture[:, 16:240, 16:240])
    assert ShiftGrid().steps == tuple(range(49))


@pytest.mark.parametrize(
    ("size", "m", "side"), [(224, 16, 256), (224, 17, 258), (32, 2, 37), (32, 3, 38), (32, 16, 64)]
)
def test_every_window_lies_in_the_picture(size, m, side):
    views = ShiftGrid(size=size, m=m).views(50, 70, DRAW)
    assert len(views) == (2 * m + 1) ** 2
    assert {view.to_height for view in views} == {side}
    for view in views:
        assert view.at_top <= 0 <= view.at_top + view.to_height - size
        assert view.at_left <= 0 <= view.at_left + view.to_width - size


def test_a_thousand_views_are_never_held_at_once():
    picture = torch.rand(3, 80, 80)
    parts = ShiftGrid(size=64, m=16).parts(picture, DRAW, 50)
    sizes = [len(part) for part in parts]
    assert sizes == [50] * 21 + [39]
    assert sum(sizes) == 1089
