import hashlib
from dataclasses import replace
from math import cos, pi, sin

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lit_invariance.data.shape_distances import SHAPES
from lit_invariance.data.shapes import Scene, coverage, draw_scene, render, texture, to_uint8

SIZE = 72
FINGERPRINT = "319ea1c0528543e090672c344c91800689c55ff312dff204786ea84faf2f6198"


def scene(shape: str = "heart", **changes: object) -> Scene:
    plain = Scene(shape, (35.3, 38.9), 17.2, 0.7, (0.9, 0.2, 0.1), (0.3, 0.4, 0.5), 0.1, 5)
    return replace(plain, **changes)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dx", "dy"), [(1, 0), (0, 1), (1, 1), (-3, 2)])
def test_whole_pixel_moves_equal_shifted_pictures(shape: str, dx: int, dy: int) -> None:
    still = render(scene(shape), SIZE)
    moved = render(scene(shape), SIZE, origin=(-dx, -dy))
    inner = slice(4, -4)
    back = np.roll(moved, (-dy, -dx), axis=(1, 2))
    np.testing.assert_allclose(back[:, inner, inner], still[:, inner, inner], atol=1e-9)
    assert (to_uint8(back)[:, inner, inner] == to_uint8(still)[:, inner, inner]).all()
    assert np.abs(moved - still).max() > 0.05


def test_two_half_pixel_moves_make_a_whole_one() -> None:
    start = (2.25, -7.5)
    whole = render(scene(), SIZE, origin=(start[0] + 0.5 + 0.5, start[1]))
    np.testing.assert_allclose(whole[:, :, :-1], render(scene(), SIZE, origin=start)[:, :, 1:], atol=1e-9)
    half = render(scene(), SIZE, origin=(start[0] + 0.5, start[1]))
    still = render(scene(), SIZE, origin=start)
    # A band-limited picture at half a pixel lies between its neighbours up to the curvature of its finest wave.
    middle = (still[:, :, 1:] + still[:, :, :-1]) / 2
    assert np.abs(half[:, :, :-1] - middle).mean() < 0.4 * np.abs(half - still).mean()


def test_the_shape_moves_alone_over_a_resting_background() -> None:
    away = render(scene(centre=(20.0, 20.0), radius=8.0), SIZE)
    near = render(scene(centre=(21.0, 20.0), radius=8.0), SIZE)
    assert (away[:, 32:] == near[:, 32:]).all()
    assert np.abs(away - near).max() > 0.1


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_touch_but_never_leave_their_circle(shape: str) -> None:
    covered = coverage(scene(shape, centre=(36.0, 36.0), radius=24.0, angle=0.3), SIZE)
    y, x = np.mgrid[0.5:SIZE, 0.5:SIZE]
    distance = np.hypot(x - 36, y - 36)
    assert covered[distance > 25.5].max() == 0
    assert covered[distance > 22].max() > 0.4


# Independent witness: Pillow's own rasteriser at 16 times the size.
CORNERS = {
    "triangle": [(cos(2 * pi * k / 3), sin(2 * pi * k / 3)) for k in range(3)],
    "square": [(cos(pi * (k + 0.5) / 2), sin(pi * (k + 0.5) / 2)) for k in range(4)],
    "star": [
        ((1 if k % 2 == 0 else 0.45) * cos(pi * k / 5), (1 if k % 2 == 0 else 0.45) * sin(pi * k / 5))
        for k in range(10)
    ],
    "bar": [(u * 0.3, v * (1 - 0.09) ** 0.5) for u, v in ((-1, -1), (1, -1), (1, 1), (-1, 1))],
    "disc": [(cos(2 * pi * k / 720), sin(2 * pi * k / 720)) for k in range(720)],
    "half_disc": [(cos(pi * k / 360), -sin(pi * k / 360)) for k in range(361)],
}


@pytest.mark.parametrize("shape", CORNERS)
def test_coverage_agrees_with_a_polygon_rasteriser(shape: str) -> None:
    drawn, factor = scene(shape), 16
    turn = [
        (u * cos(drawn.angle) - v * sin(drawn.angle), u * sin(drawn.angle) + v * cos(drawn.angle))
        for u, v in CORNERS[shape]
    ]
    points = [
        (factor * (drawn.centre[0] + drawn.radius * u) - 0.5, factor * (drawn.centre[1] + drawn.radius * v) - 0.5)
        for u, v in turn
    ]
    canvas = Image.new("L", (SIZE * factor, SIZE * factor))
    ImageDraw.Draw(canvas).polygon(points, fill=255)
    expected = np.asarray(canvas.reduce(factor), dtype=float) / 255
    error = np.abs(coverage(drawn, SIZE) - expected)
    # A straight cut through a pixel at 45 degrees covers up to 1/8 less than the distance to it says.
    assert error.max() < 0.3
    assert error.mean() < 0.004


def test_rotation_and_subpixel_centre_are_exact() -> None:
    covered = coverage(scene("disc", centre=(30.25, 41.75), radius=11.0), SIZE)
    y, x = np.mgrid[0.5:SIZE, 0.5:SIZE]
    assert (covered * x).sum() / covered.sum() == pytest.approx(30.25, abs=0.01)
    assert (covered * y).sum() / covered.sum() == pytest.approx(41.75, abs=0.01)
    assert covered.sum() == pytest.approx(pi * 11**2, rel=0.01)


def test_texture_has_the_spectrum_it_claims() -> None:
    side = 256
    power = np.zeros((side, side))
    for seed in range(40):
        fields = texture(side, seed)
        power += (np.abs(np.fft.fft2(fields * np.hanning(side)[:, None] * np.hanning(side))) ** 2).mean(axis=0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    octaves = [power[(frequency >= low) & (frequency < 2 * low)].sum() for low in (1 / 64, 1 / 32, 1 / 16, 1 / 8)]
    assert max(octaves) < 1.35 * min(octaves)
    assert power[frequency > 0.27].sum() < 0.01 * power.sum()


def test_texture_has_unit_variance() -> None:
    assert np.mean([texture(72, seed).var() for seed in range(60)]) == pytest.approx(1.0, abs=0.1)


def test_images_do_not_depend_on_each_other_and_splits_differ() -> None:
    first = [draw_scene(index, SIZE) for index in range(30)]
    assert [draw_scene(index, SIZE) for index in reversed(range(30))] == first[::-1]
    everything = first + [draw_scene(index, SIZE, split="val") for index in range(30)]
    everything += [draw_scene(index, SIZE, seed=1) for index in range(30)]
    assert len({drawn.texture_seed for drawn in everything}) == 90
    assert [drawn.shape for drawn in first[:10]] == list(SHAPES)


@pytest.mark.parametrize("bias", [0.0, 0.5, 1.0])
def test_bias_spreads_position_and_size_as_documented(bias: float) -> None:
    scenes = [draw_scene(index, 100, bias=bias) for index in range(2000)]
    x = np.array([drawn.centre for drawn in scenes])
    radius = np.array([drawn.radius for drawn in scenes])
    assert (x - radius[:, None] >= -1e-9).all()
    assert (x + radius[:, None] <= 100 + 1e-9).all()
    place = (x - 50) / (50 - radius[:, None])
    assert np.abs(place).max() <= 1 - bias + 1e-9
    assert place.std() == pytest.approx((1 - bias) / 3**0.5, abs=0.02)
    assert radius.std() == pytest.approx((1 - bias) * 12 / 3**0.5, abs=0.15)
    assert radius.mean() == pytest.approx(24, abs=0.3)


def test_bias_changes_place_and_size_only() -> None:
    free, held = draw_scene(7, SIZE, bias=0.0), draw_scene(7, SIZE, bias=1.0)
    assert replace(free, centre=held.centre, radius=held.radius) == held
    assert held.centre == (36.0, 36.0)


def test_size_may_have_a_bias_of_its_own() -> None:
    scenes = [draw_scene(index, 100, bias=0.9, size_bias=0.25) for index in range(2000)]
    radius, x = np.array([drawn.radius for drawn in scenes]), np.array([drawn.centre for drawn in scenes])
    # Uniform in 24 +- .75 x 12 pixels; the centre within a tenth of the room that is left beside the shape.
    assert (radius.min(), radius.max()) == pytest.approx((15, 33), abs=0.1)
    assert radius.std() == pytest.approx(18 / 12**0.5, abs=0.15)
    place = (x - 50) / (50 - radius[:, None])
    assert 0.099 < np.abs(place).max() <= 0.1 + 1e-9
    assert draw_scene(7, 100, bias=0.9, size_bias=0.9) == draw_scene(7, 100, bias=0.9)


def test_pictures_are_the_same_on_any_machine() -> None:
    pictures = [to_uint8(render(draw_scene(index, SIZE, bias=0.5), SIZE)) for index in range(20)]
    assert hashlib.sha256(np.stack(pictures).tobytes()).hexdigest() == FINGERPRINT
