import pytest
import torch

from lit_invariance.protocols import EmbedBlack, ScaleBlack, generator_for

WHITE = torch.ones(3, 300, 400)


def box(view):
    """Bounds of what is not black: first and last row, first and last column."""
    rows, columns = view[0].amax(1).nonzero().flatten(), view[0].amax(0).nonzero().flatten()
    return rows[0].item(), rows[-1].item(), columns[0].item(), columns[-1].item()


@pytest.mark.parametrize(("direction", "down", "right"), [("diagonal", 1, 1), ("vertical", 1, 0), ("horizontal", 0, 1)])
def test_the_block_moves_by_one_pixel_and_leaves_black_behind(direction, down, right):
    protocol = EmbedBlack(size=224, direction=direction)
    for index in range(20):
        first, second = protocol(WHITE, generator_for(0, "embed_black", index))
        top, bottom, left, last = box(first)
        assert (bottom - top + 1, last - left + 1) == (100, 133)
        assert box(second) == (top + down, bottom + down, left + right, last + right)
        assert first.sum() == pytest.approx(3 * 100 * 133)  # the background is black everywhere


def test_the_two_views_show_the_same_pixels():
    picture = torch.rand(3, 120, 120)
    place = EmbedBlack(size=224).views(120, 120, generator_for(0, "embed_black", 0))[0]
    first, second = EmbedBlack(size=224)(picture, generator_for(0, "embed_black", 0))
    rows, columns = slice(place.at_top, place.at_top + 100), slice(place.at_left, place.at_left + 100)
    moved = second[:, place.at_top + 1 : place.at_top + 101, place.at_left + 1 : place.at_left + 101]
    assert torch.equal(first[:, rows, columns], moved)


def test_places_are_uniform_over_the_canvas():
    places = [EmbedBlack(size=32, min_side=20).views(9, 9, generator_for(0, "e", i))[0] for i in range(3000)]
    counts = torch.bincount(torch.tensor([place.at_top for place in places]), minlength=12)
    assert len(counts) == 12  # 0..11: a block of 20 and its move in 32 pixels
    assert counts.min() > 180  # 250 each, standard deviation 15


def test_the_authors_animation():
    """180 x 135 block at (19, 40) and (20, 41), of a 4:3 picture; scale 136 x 102 -> 137 x 103."""
    first, second = EmbedBlack(min_side=135, location="centre").views(600, 800, generator_for(0, "e", 0))
    assert (first.to_width, first.to_height) == (180, 135)
    assert (second.at_top - first.at_top, second.at_left - first.at_left) == (1, 1)
    first, second = ScaleBlack(min_side=102).views(600, 800, generator_for(0, "e", 0))
    assert (first.to_width, first.to_height) == (136, 102)
    assert (second.to_width, second.to_height) == (137, 103)


def test_scale_keeps_the_top_left_corner():
    for index in range(20):
        first, second = ScaleBlack(size=224)(WHITE, generator_for(0, "scale_black", index))
        top, bottom, left, right = box(first)
        assert (bottom - top + 1, right - left + 1) == (100, 133)
        assert box(second) == (top, bottom + 1, left, right + 2)  # 101 * 4 / 3 = 134.7


def test_mean_background_is_zero_after_normalisation():
    mean = (0.4, 0.5, 0.6)
    view = EmbedBlack(size=32, mean=mean, background="mean", location="centre")(WHITE, generator_for(0, "e", 0))[0]
    assert view[:, 0, 0].tolist() == pytest.approx(mean)


@pytest.mark.parametrize(("size", "side"), [(224, 100), (64, 29), (32, 14), (299, 133)])
def test_the_default_side_is_in_proportion_to_the_canvas(size, side):
    assert EmbedBlack(size=size).views(50, 50, generator_for(0, "e", 0))[0].to_height == side


@pytest.mark.parametrize("protocol", [EmbedBlack, ScaleBlack])
@pytest.mark.parametrize(("height", "width"), [(30, 400), (400, 30), (1, 1000), (1, 1)])
def test_elongated_pictures_are_shrunk_until_they_fit(protocol, height, width):
    for index in range(10):
        for view in protocol(size=224).views(height, width, generator_for(0, "e", index)):
            assert 0 <= view.at_top <= view.at_top + view.to_height <= 224
            assert 0 <= view.at_left <= view.at_left + view.to_width <= 224
