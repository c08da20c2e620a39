import pytest
import torch

from lit_invariance.protocols import Crop, generator_for


def draws(protocol, height, width, count=300):
    return [protocol.views(height, width, generator_for(0, "crop", index)) for index in range(count)]


def test_the_square_moves_diagonally_by_one_pixel_of_the_picture():
    for first, second in draws(Crop(size=64), 375, 500):
        assert first.height == first.width == second.height == second.width
        assert (second.top, second.left) == (first.top + 1, first.left + 1)
        assert first.top >= 0
        assert second.top + second.height <= 375
        assert first.left >= 0
        assert second.left + second.width <= 500
        assert first[4:] == second[4:] == (64, 64, 0, 0)


def test_areas_are_uniform_over_what_fits():
    shares = torch.tensor([view[0].height ** 2 / (375 * 500) for view in draws(Crop(), 375, 500, 2000)])
    greatest = 374**2 / (375 * 500)
    assert shares.min() == pytest.approx(0.08, abs=0.005)
    assert shares.max() == pytest.approx(greatest, abs=0.005)
    ordered = shares.sort().values
    uniform = torch.linspace(0.08, greatest, 2000)
    assert (ordered - uniform).abs().max() < 0.03  # Kolmogorov's distance of 2000 draws, times the range


def test_an_area_that_fits_exactly_copies_pixels():
    """72-px picture, 64-px network: a share of .79 is a 64-px square, so nothing is resampled."""
    picture = torch.rand(3, 72, 72)
    protocol = Crop(size=64, area=(0.79, 0.79))
    (view, moved), place = (
        protocol(picture, generator_for(0, "crop", 1)),
        protocol.views(72, 72, generator_for(0, "crop", 1)),
    )
    top, left = place[0].top, place[0].left
    assert torch.equal(view, picture[:, top : top + 64, left : left + 64])
    assert torch.equal(view[:, 1:, 1:], moved[:, :-1, :-1])


def test_shift_in_network_cuts_two_windows_of_one_resized_square():
    picture = torch.rand(3, 90, 90)
    protocol = Crop(size=32, shift_in="network")
    first, second = protocol(picture, generator_for(0, "crop", 2))
    assert torch.equal(first[:, 1:, 1:], second[:, :-1, :-1])
    places = draws(protocol, 90, 90)
    assert {pair[0].at_top for pair in places} == set(range(-9, 1))
    assert all(pair[0].to_height == 42 for pair in places)


def test_the_smallest_picture():
    first, second = Crop(size=8).views(2, 2, generator_for(0, "crop", 0))
    assert (first.height, second.top) == (1, 1)
    with pytest.raises(ValueError, match="is too small for a square and its move"):
        Crop(size=8).views(1, 5, generator_for(0, "crop", 0))


def test_an_elongated_picture_takes_the_largest_square_there_is():
    for first, second in draws(Crop(), 20, 800, 20):
        assert first.height == 19
        assert second.top == 1


def test_a_list_from_a_config_is_as_good_as_a_pair():
    """Evaluation shares views between models by equal protocols, so a protocol must have a hash."""
    assert Crop(area=[0.5, 0.8]) == Crop(area=(0.5, 0.8))
    assert hash(Crop(area=[0.5, 0.8])) == hash(Crop(area=(0.5, 0.8)))
