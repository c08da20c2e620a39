import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lit_invariance.protocols.kernels import KERNELS
from lit_invariance.protocols.resampling import resampled

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 36, 3), dtype=np.uint8)
CALM = PIXELS // 4 + 96  # no kernel leaves the 256 levels, which Pillow would clip between columns and rows


def resized(height, width, **options):
    picture = torch.from_numpy(CALM).permute(2, 0, 1)[None].float()
    return F.interpolate(picture, (height, width), **options)[0].permute(1, 2, 0).clamp(0, 255).numpy()


def test_there_are_those_of_sysnoise():
    pillow = [f"Pillow {name}" for name in ("bilinear", "nearest", "box", "hamming", "bicubic", "lanczos")]
    assert list(KERNELS) == [
        *pillow,
        *(f"OpenCV {name}" for name in ("nearest", "bilinear", "area", "cubic", "lanczos4")),
    ]


@pytest.mark.parametrize(
    ("kernel", "options"),
    [
        ("Pillow bilinear", {"mode": "bilinear", "antialias": True}),
        ("Pillow bicubic", {"mode": "bicubic", "antialias": True}),
        ("OpenCV bilinear", {"mode": "bilinear"}),
        ("OpenCV cubic", {"mode": "bicubic"}),
    ],
)
@pytest.mark.parametrize("to", [(13, 17), (30, 50)])
def test_as_pytorch_resizes_with_and_without_antialiasing(kernel, options, to):
    difference = KERNELS[kernel](CALM, *to) - resized(*to, **options)
    assert np.abs(difference).max() < 1.6  # both round to 256 levels on the way


def test_lanczos_of_pillow_is_that_of_the_protocols():
    ours = resampled([torch.from_numpy(CALM).permute(2, 0, 1)], 13, 17, "lanczos")[0] * 255
    assert np.abs(KERNELS["Pillow lanczos"](CALM, 13, 17) - ours.permute(1, 2, 0).numpy()).max() < 1.6


def test_nearest_is_the_middle_pixel_for_one_and_the_first_for_the_other():
    """By hand: a third of the columns, half of the rows."""
    assert np.array_equal(KERNELS["Pillow nearest"](PIXELS, 12, 12), PIXELS[1::2, 1::3])
    assert np.array_equal(KERNELS["OpenCV nearest"](PIXELS, 12, 12), PIXELS[::2, ::3])


@pytest.mark.parametrize("kernel", ["Pillow box", "OpenCV area"])
def test_box_and_area_are_means_of_blocks(kernel):
    means = PIXELS.reshape(12, 2, 12, 3, 3).mean((1, 3))
    assert np.abs(KERNELS[kernel](PIXELS, 12, 12) - means).max() <= 1


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_even_colour_stays(kernel):
    even = np.full((24, 36, 3), (10, 128, 250), np.uint8)
    assert np.array_equal(KERNELS[kernel](even, 13, 50), np.full((13, 50, 3), (10, 128, 250), np.uint8))


def test_only_some_kernels_average_what_they_leave_out():
    """A row of 32 is white; at a quarter of the height it is a quarter of white in its row, or all or nothing."""
    line = np.zeros((32, 32, 3), np.uint8)
    line[17] = 255
    seen = {name: int(KERNELS[name](line, 8, 8).sum((1, 2)).max()) // (3 * 8) for name in KERNELS}
    assert seen["Pillow box"] in (63, 64)
    assert seen["OpenCV area"] in (63, 64)
    assert all(40 < seen[f"Pillow {name}"] < 90 for name in ("bilinear", "hamming", "bicubic", "lanczos"))
    assert seen["OpenCV bilinear"] in (127, 128)  # the mean of the two rows in the middle of four
    assert seen["Pillow nearest"] == seen["OpenCV nearest"] == 0
