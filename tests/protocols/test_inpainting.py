import math

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d

from lit_invariance.protocols import EmbedBlack, EmbedInpaint, generator_for
from lit_invariance.protocols.background import INPAINTINGS
from lit_invariance.protocols.inpainting import Rectangle, blur_matrix, inpaint, inpaint_original

SIZE = 40


def pictures(seed, count, low=0.0):
    return low + (1 - low) * torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def reference(view, place, taps, original):
    """The definition, written plainly in float64 with scipy's two-dimensional convolution."""
    kernel = np.array([[math.comb(taps - 1, tap) for tap in range(taps)]]) / 2 ** (taps - 1)

    def blur(plane):
        return convolve2d(convolve2d(plane, kernel, "same"), kernel.T, "same")

    known = np.zeros(view.shape[1:])
    known[place.top : place.bottom, place.left : place.right] = 1
    image = view.numpy().astype(np.float64) * known
    for _ in range(80):
        unknown = image.sum(0) == 0 if original else known == 0
        if unknown.sum() <= (200 if original else 0):
            break
        weight = blur(known)
        for plane in image:
            plane[known == 0] = (blur(plane * known) / (weight + (weight == 0)))[known == 0]
        known = (image.sum(0) != 0 if original else weight > 0).astype(float)
    return image


PLACES = [
    Rectangle(9, 11, 25, 30),
    Rectangle(10, 12, 26, 31),
    Rectangle(0, 0, 16, 19),
    Rectangle(24, 21, 40, 40),
    Rectangle(3, 0, 5, 40),
    Rectangle(17, 38, 18, 39),
    Rectangle(0, 0, 40, 40),
]


def test_is_the_definition():
    views = pictures(0, len(PLACES))
    for view, place, filled in zip(views, PLACES, inpaint(views, PLACES), strict=True):
        np.testing.assert_allclose(filled.numpy(), reference(view, place, 13, original=False), atol=2e-6)


def test_the_original_is_the_authors_function():
    """With black pixels in the pictures, which it fills, and views that are done at different passes."""
    views = pictures(1, len(PLACES))
    views[:, :, 12:22:3, 14:28:2] = 0
    for view, place, filled in zip(views, PLACES, inpaint_original(views, PLACES), strict=True):
        np.testing.assert_allclose(filled.numpy(), reference(view, place, 12, original=True), atol=2e-6)


def test_a_constant_picture_makes_a_constant_canvas():
    views = torch.tensor([0.25, 0.5, 0.75])[:, None, None].expand(2, 3, SIZE, SIZE)
    for function in INPAINTINGS.values():
        filled = function(views, PLACES[:2])
        left = (filled.sum(1) == 0).flatten(1).sum(1)
        assert (left <= (200 if function is inpaint_original else 0)).all()
        torch.testing.assert_close(filled[filled != 0], views[filled != 0], atol=1e-6, rtol=0)


def test_only_what_lies_around_the_picture_is_changed_and_only_by_the_picture():
    views = pictures(2, 2)
    views[:, :, 14, 15:20] = 0
    elsewhere = views.clone()
    for number, place in enumerate(PLACES[:2]):
        rows, columns = slice(place.top, place.bottom), slice(place.left, place.right)
        elsewhere[number] = 0.9
        elsewhere[number, :, rows, columns] = views[number, :, rows, columns]
        assert torch.equal(inpaint(views, PLACES[:2])[number, :, rows, columns], views[number, :, rows, columns])
    assert torch.equal(inpaint(views, PLACES[:2]), inpaint(elsewhere, PLACES[:2]))


def test_a_single_known_pixel_by_hand():
    """One pixel of 1 in the middle of zeros that are known: the first ring sees a product of binomials."""
    view = torch.zeros(1, 1, 5, 5)
    view[..., 2, 2] = 1
    filled = inpaint(view, [Rectangle(1, 1, 4, 4)])
    row = torch.tensor([math.comb(12, 6 + distance) for distance in (-1, 0, 1)], dtype=torch.float)
    down = torch.tensor([math.comb(12, 6 + distance) for distance in (1, 2, 3)], dtype=torch.float)
    assert filled[0, 0, 0, 2].item() == pytest.approx((down[1] / down.sum() * row[1] / row.sum()).item(), abs=1e-6)
    assert filled[0, 0, 0, 0].item() == pytest.approx((down[1] / down.sum()).item() ** 2, abs=1e-6)


def test_the_default_does_not_drift_and_the_original_does():
    view = pictures(3, 1)
    place, mirrored = Rectangle(10, 10, 30, 30), view.flip(-1, -2)
    torch.testing.assert_close(inpaint(mirrored, [place]).flip(-1, -2), inpaint(view, [place]), atol=1e-6, rtol=0)
    drifted = inpaint_original(mirrored, [place]).flip(-1, -2) - inpaint_original(view, [place])
    assert drifted.abs().max() > 0.01
    impulse = torch.zeros(20)
    impulse[9] = 1
    centre = (blur_matrix(20, 12, torch.device("cpu")) @ impulse * torch.arange(20)).sum()
    assert centre.item() == pytest.approx(9.5)  # half a pixel further


def test_the_original_takes_black_for_unknown():
    views = torch.full((1, 3, SIZE, SIZE), 0.5)
    views[:, :, 15:17, 15:17] = 0
    place = Rectangle(10, 10, 30, 30)
    assert (inpaint(views, [place])[0, :, 15:17, 15:17] == 0).all()
    torch.testing.assert_close(
        inpaint_original(views, [place])[0, :, 15:17, 15:17], torch.full((3, 2, 2), 0.5), atol=1e-6, rtol=0
    )


def test_nothing_known_stays_black():
    views = pictures(4, 2)
    assert (inpaint(views, [Rectangle(5, 5, 5, 9), PLACES[0]])[0] == 0).all()
    black = torch.zeros(1, 3, SIZE, SIZE)
    for function in INPAINTINGS.values():
        assert torch.equal(function(black, PLACES[:1]), black)


def test_autocast_does_not_coarsen_it():
    views = pictures(5, 2)
    for function in INPAINTINGS.values():
        expected = function(views, PLACES[:2])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(function(views, PLACES[:2]), expected)


def test_embedding_shows_the_pixels_of_the_black_one_moved_by_one():
    """And away from the canvas' border the background moves with the picture."""
    picture = pictures(6, 1)[0]
    options = {"size": 64, "min_side": 20, "location": "centre"}
    black = EmbedBlack(**options)(picture, generator_for(0, "e", 0))
    filled = EmbedInpaint(**options)(picture, generator_for(0, "e", 0))
    torch.testing.assert_close(filled[black > 0], black[black > 0], atol=0, rtol=0)
    assert (filled > 0).all()
    torch.testing.assert_close(filled[0, :, 10:50, 10:50], filled[1, :, 11:51, 11:51], atol=1e-6, rtol=0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_gives_what_the_cpu_gives():
    views = pictures(7, len(PLACES))
    for function in INPAINTINGS.values():
        torch.testing.assert_close(function(views.cuda(), PLACES).cpu(), function(views, PLACES), atol=1e-5, rtol=0)
