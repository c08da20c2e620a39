import pytest
import torch

from lit_invariance.protocols.view import Resizing, View, render

PIXEL = torch.zeros(3, 8, 8)
PIXEL[:, 3, 4] = 1


def lit(view):
    """Rows and columns of the pixels that are not black."""
    return [tuple(position) for position in view[0].nonzero().tolist()]


def test_whole_pixels_are_copied_not_resampled():
    views = [View(0, 0, 8, 8, 8, 8, 2, 1), View(1, 1, 6, 6, 6, 6, 0, 0)]
    first, second = render(PIXEL, views, 12, (0, 0, 0), Resizing())
    assert lit(first) == [(5, 5)]
    assert lit(second) == [(2, 3)]


@pytest.mark.parametrize(("at", "expected"), [((-2, -3), [(1, 1)]), ((-4, 0), []), ((0, 6), []), ((2, 1), [(5, 5)])])
def test_blocks_beyond_the_canvas_are_cut(at, expected):
    (view,) = render(PIXEL, [View(0, 0, 8, 8, 8, 8, *at)], 8, (0, 0, 0), Resizing())
    assert lit(view) == expected


def test_uint8_and_float_give_the_same():
    picture = torch.randint(0, 256, (3, 9, 7), dtype=torch.uint8)
    view = [View(0, 0, 9, 7, 5, 5, 0, 0)]
    torch.testing.assert_close(
        render(picture, view, 5, (0, 0, 0), Resizing()), render(picture / 255, view, 5, (0, 0, 0), Resizing())
    )


def test_background():
    (view,) = render(PIXEL, [View(0, 0, 2, 2, 2, 2, 0, 0)], 4, (0.25, 0.5, 0.75), Resizing())
    assert view[:, 3, 3].tolist() == [0.25, 0.5, 0.75]
    assert view[:, 1, 1].tolist() == [0, 0, 0]


def test_halving_averages_as_an_antialiasing_kernel_does():
    """A triangle kernel of half-width 2 at scale 1/2: weights 1/8, 3/8, 3/8, 1/8 inside the picture."""
    ramp = torch.zeros(3, 1, 8)
    ramp[:, 0, 4] = 1
    (view,) = render(ramp, [View(0, 0, 1, 8, 1, 4, 0, 0)], 4, (0, 0, 0), Resizing())
    assert view[0, 0].tolist() == pytest.approx([0, 1 / 8, 3 / 8, 0], abs=1e-6)


def test_sharp_kernels_do_not_leave_the_range_of_a_picture():
    edge = torch.zeros(3, 8, 8)
    edge[:, :, 4:] = 1
    (view,) = render(edge, [View(0, 0, 8, 8, 12, 12, 0, 0)], 12, (0, 0, 0), Resizing("bicubic"))
    assert view.min() >= 0
    assert view.max() <= 1
