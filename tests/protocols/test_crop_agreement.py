import pytest
import torch

from lit_invariance.protocols import CropAgreement, generator_for

# Every pixel of the published 256 x 256 square tells its row and its column.
ROWS = torch.arange(256.0)[:, None].expand(256, 256) / 256
RAMPS = torch.stack([ROWS, ROWS.T, torch.zeros(256, 256)])


def places(view):
    """First row and column of a window of the ramps, checked to be whole pixels all over."""
    row, column = round(view[0, 0, 0].item() * 256), round(view[1, 0, 0].item() * 256)
    assert torch.equal(view, RAMPS[:, row : row + 224, column : column + 224])
    return row, column


def test_windows_are_cut_at_the_published_places():
    drawn = []
    for index in range(200):
        first, second = CropAgreement()(RAMPS, generator_for(0, "crop_agreement", index))
        assert places(first) != places(second)
        drawn += [*places(first), *places(second)]
    assert min(drawn) == 0
    assert max(drawn) == 31  # of 32 possible; the published range leaves the last one out


def test_places_of_both_axes_and_both_views_are_drawn_apart():
    draws = torch.tensor(
        [
            [(view.at_top, view.at_left) for view in CropAgreement().views(256, 256, generator_for(0, "c", index))]
            for index in range(1500)
        ],
        dtype=torch.float64,
    )
    correlations = torch.corrcoef(draws.flatten(1).T)
    assert (correlations - torch.eye(4)).abs().max() < 0.1  # four standard deviations
    assert draws.flatten(1).mean(0).tolist() == pytest.approx([-15.5] * 4, abs=1)


@pytest.mark.parametrize(("size", "last"), [(32, 4), (64, 8), (299, 42), (8, 1)])
def test_other_sizes_are_in_proportion(size, last):
    views = [
        view for index in range(400) for view in CropAgreement(size=size).views(90, 120, generator_for(0, "c", index))
    ]
    room = last + 1
    assert {view.to_height for view in views} == {size + room}
    assert {-view.at_top for view in views} == set(range(room))


def test_cifar_is_enlarged_to_37():
    """One bright pixel of 32 keeps its place, up to the enlargement by 37/32."""
    picture = torch.zeros(3, 32, 32)
    picture[:, 16, 8] = 1
    for place, view in zip(
        CropAgreement(size=32).views(32, 32, generator_for(0, "c", 3)),
        CropAgreement(size=32)(picture, generator_for(0, "c", 3)),
        strict=True,
    ):
        brightest = divmod(view[0].argmax().item(), 32)
        expected = 16.5 * 37 / 32 + place.at_top - 0.5, 8.5 * 37 / 32 + place.at_left - 0.5
        assert brightest == (round(expected[0]), round(expected[1]))
