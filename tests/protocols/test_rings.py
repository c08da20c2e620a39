import numpy as np
import pytest
import torch

from lit_invariance.protocols import CentreCrop, Rings, ShiftGrid, generator_for
from lit_invariance.protocols.view import render

DRAW = generator_for(0, "rings", 0)
PICTURE = torch.rand(3, 40, 61, generator=torch.Generator().manual_seed(0))


def ring(radius):
    """All moves of a ring, found among all moves of the square."""
    side = range(-radius, radius + 1)
    return {(down, right) for down in side for right in side if max(abs(down), abs(right)) == radius}


@pytest.mark.parametrize("m", [1, 3, 8])
def test_a_bright_pixel_goes_round_the_reference(m):
    """A picture of exactly the pixels that windows are cut from, so that nothing is resized."""
    room = max(2 * m, 9)  # 64 / 0.875 is 73
    picture = torch.zeros(3, 64 + room, 64 + room)
    picture[:, 40, 45] = 1
    views = Rings(size=64, m=m)(picture, DRAW)[:, 0].flatten(1)
    assert torch.equal(views.sum(1), torch.ones((2 * m + 1) ** 2))
    places = torch.stack([views.argmax(1) // 64, views.argmax(1) % 64], dim=1) - torch.tensor([40, 45]) + room // 2
    assert places[0].tolist() == [0, 0]
    moves, start = [tuple(place) for place in places.tolist()], 1
    for radius in range(1, m + 1):
        assert set(moves[start : start + 8 * radius]) == ring(radius)
        start += 8 * radius


def test_windows_are_those_of_the_shift_grid():
    """There the window moves, here the picture."""
    grid = ShiftGrid(size=24, m=2)(PICTURE, DRAW).view(5, 5, 3, 24, 24)
    protocol = Rings(size=24, m=2)
    for view, (down, right) in zip(protocol(PICTURE, DRAW), protocol.moves, strict=True):
        assert torch.equal(view, grid[2 - int(down), 2 - int(right)])


def test_the_places_that_the_report_moves_about_are_those_of_the_views():
    protocol = Rings(size=(16, 28), m=2)
    placed = protocol.placed(40, 61, DRAW)
    assert torch.equal(render(PICTURE, placed, (16, 28), (0.0,) * 3, protocol.resizing), protocol(PICTURE, DRAW))
    assert Rings(border="cyclic").placed(40, 61, DRAW) is None


@pytest.mark.parametrize("size", [24, (16, 28)])
def test_cyclic_views_are_rolls_of_the_centre_crop(size):
    """Witness: numpy's roll of both axes, around 0."""
    protocol = Rings(size=size, m=2, border="cyclic")
    base = CentreCrop(size=size)(PICTURE, DRAW)[0].numpy()
    seen = set()
    for view, (down, right) in zip(protocol(PICTURE, DRAW), protocol.moves, strict=True):
        assert np.array_equal(view.numpy(), np.roll(base, (int(down), int(right)), (1, 2)))
        seen.add((down, right))
    assert seen == {(0, 0)} | ring(1) | ring(2)


@pytest.mark.parametrize(("size", "u", "m"), [(15, 2, 2), (15, 3, 1), (16, 2, 1), (16, 3, 1)])
def test_upsampled_views_are_rolled_pixels_of_an_enlarged_picture(size, u, m):
    """Witness: zeros around the spectrum, whose Nyquist line is shared out to both ends; roll; every u-th pixel."""
    protocol = Rings(size=size, m=m, border="cyclic", upsample=u)
    base = CentreCrop(size=size)(PICTURE, DRAW)[0].double().numpy()
    for axis in (1, 2):
        spectrum = np.fft.fftshift(np.fft.fft(base, axis=axis), axis)
        if size % 2 == 0:
            half = np.take(spectrum, [0], axis) / 2
            middle = np.take(spectrum, range(1, size), axis)
            spectrum = np.concatenate([half, middle, half], axis)
        length, low = spectrum.shape[axis], size // 2
        wide = [(0, 0)] * 3
        wide[axis] = ((u * size) // 2 - low, u * size - length - (u * size) // 2 + low)
        padded = np.pad(spectrum, wide)
        base = np.fft.ifft(np.fft.ifftshift(padded, axis), axis=axis).real * u
    assert base.shape == (3, u * size, u * size)
    for view, (down, right) in zip(protocol(PICTURE, DRAW), protocol.moves, strict=True):
        rolled = np.roll(base, (round(down * u), round(right * u)), (1, 2))[:, ::u, ::u]
        np.testing.assert_allclose(view.numpy(), rolled, atol=1e-5)


def test_parts_of_a_pixel_overshoot_and_are_not_clipped():
    picture = torch.zeros(3, 32, 32)
    picture[:, 16, 16] = 1
    views = Rings(size=32, crop_pct=1.0, m=1, border="cyclic", upsample=2)(picture, DRAW)
    assert torch.equal(views[0], picture)
    assert views[1:].amin((1, 2, 3)).max() < -0.1


def test_289_views_are_never_held_at_once():
    assert [len(part) for part in Rings(size=16, m=8).parts(PICTURE, DRAW, 64)] == [64] * 4 + [33]
