import numpy as np
import pytest
import scipy.ndimage
import torch

from lit_invariance.protocols import CircularFractional, generator_for
from lit_invariance.protocols.circular_fractional import bilinear_shift, ideal_shift

SIZES = [8, 9, 32, 33, 224, 225]


def band_limited(size):
    """A picture without the frequencies that an even size cannot tell apart."""
    picture = torch.rand(3, size, size, generator=torch.Generator().manual_seed(size), dtype=torch.float64)
    spectrum = torch.fft.fft2(picture)
    if size % 2 == 0:
        spectrum[:, size // 2] = 0
        spectrum[:, :, size // 2] = 0
    return torch.fft.ifft2(spectrum).real.float()


@pytest.mark.parametrize("size", SIZES)
def test_half_a_pixel_twice_is_a_roll_by_one(size):
    picture = band_limited(size)
    half = ideal_shift(picture, 0.5, 0.5)
    assert half.dtype == torch.float32
    torch.testing.assert_close(ideal_shift(half, 0.5, 0.5), picture.roll((1, 1), (-2, -1)), atol=1e-5, rtol=0)
    torch.testing.assert_close(ideal_shift(half, -0.5, -0.5), picture, atol=1e-5, rtol=0)
    assert (half - picture).abs().max() > 0.05  # it did move


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize("distance", [0.5, -2.5, 3.25])
def test_equals_the_trigonometric_interpolation_of_the_samples(size, distance):
    """Witness: the interpolating trigonometric polynomial, summed term by term, and scipy's Fourier shift."""
    samples = np.random.default_rng(size).random(size)
    places = np.arange(size) - distance
    expected = np.full(size, samples.mean())
    for k in range(1, (size - 1) // 2 + 1):
        wave = np.exp(-2j * np.pi * k * np.arange(size) / size) @ samples * 2 / size
        expected += (wave * np.exp(2j * np.pi * k * places / size)).real
    if size % 2 == 0:
        expected += np.cos(np.pi * places) * ((-1.0) ** np.arange(size) @ samples) / size
    picture = torch.from_numpy(samples)[None, None].expand(1, size, size)
    np.testing.assert_allclose(ideal_shift(picture, 0, distance)[0, 3], expected, atol=1e-6)
    scipys = np.fft.ifft(scipy.ndimage.fourier_shift(np.fft.fft(samples), distance)).real
    np.testing.assert_allclose(ideal_shift(picture.mT, distance, 0)[0, :, 3], scipys, atol=1e-6)


def test_the_checkerboard_is_silenced_at_half_a_pixel():
    """All of it lies at the Nyquist frequency of both axes, whose phase the samples do not tell."""
    board = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * torch.ones(3, 1, 1)
    torch.testing.assert_close(ideal_shift(board, 0.5, 0), torch.full((3, 8, 8), 0.5), atol=1e-6, rtol=0)
    assert torch.equal(ideal_shift(board, 3, 2), board.roll((3, 2), (-2, -1)))


def test_bilinear_is_the_mean_of_four_neighbours():
    picture = torch.zeros(3, 8, 9)
    picture[:, 7, 2] = 1
    moved = bilinear_shift(picture, 0.5, -2.5)[0]
    assert moved.nonzero().tolist() == [[0, 0], [0, 8], [7, 0], [7, 8]]
    assert moved[moved > 0].tolist() == [0.25] * 4
    assert torch.equal(bilinear_shift(picture, 1, -1), picture.roll((1, -1), (-2, -1)))
    assert bilinear_shift(picture, 0.25, 0)[0, [7, 0], 2].tolist() == [0.75, 0.25]


@pytest.mark.parametrize(("shift", "function"), [("ideal", ideal_shift), ("bilinear", bilinear_shift)])
@pytest.mark.parametrize("size", [32, 33])
def test_the_views_are_a_roll_and_a_place_between(shift, function, size):
    picture = torch.rand(3, size, size)
    protocol = CircularFractional(size=size, shift=shift)
    for index in range(5):
        whole, half = protocol.offsets(generator_for(0, "circular_fractional", index))
        first, second = protocol(picture, generator_for(0, "circular_fractional", index))
        assert torch.equal(first, picture.roll(whole, (-2, -1)))
        assert torch.equal(second, function(picture, *half))


@pytest.mark.parametrize(("options", "m"), [({}, 32), ({"size": 32}, 3), ({"m": 1}, 1)])
def test_offsets_cover_whole_and_half_places(options, m):
    draws = [CircularFractional(**options).offsets(generator_for(0, "c", index)) for index in range(1000)]
    for axis in range(2):
        assert {whole[axis] for whole, _ in draws} == set(range(-m, m + 1))
        assert {half[axis] for _, half in draws} == {place + 0.5 for place in range(-m, m)}


def test_only_the_ideal_shift_overshoots():
    edge = torch.zeros(3, 32, 32)
    edge[:, :, 16:] = 1
    ideal, bilinear = (
        CircularFractional(size=32, shift=s)(edge, generator_for(0, "c", 0)) for s in ("ideal", "bilinear")
    )
    assert ideal[0].min() == bilinear.min() == 0
    assert ideal[1].max() > 1.1  # Gibbs's overshoot, not clipped
    assert bilinear.max() <= 1
