"""The built-in pictures: one of ten shapes at an exact place on a 1/f texture, drawn by formula at any size."""

from dataclasses import dataclass
from math import cos, pi, sin, sqrt

import numpy as np
from numpy.typing import NDArray

from lit_invariance.data.shape_distances import SHAPES

Colour = tuple[float, float, float]
Field = NDArray[np.float64]

SPLITS = {"train": 0, "val": 1}
SMALLEST_RADIUS, LARGEST_RADIUS = 0.12, 0.36  # shares of the image's side
CONTRAST = (0.05, 0.4)  # root mean square over the channels
ROUGHNESS = (0.03, 0.16)
TURN = pi / 6  # either way; a small network takes many epochs to find shapes at every angle
WAVES = 32
# Multiplications at which OpenBLAS surely stays on one thread; waking others costs 20 times the product on busy cores.
ONE_THREAD = 2**17
FINEST_WAVE = 4.0  # pixels; well above the two at which a picture moved by part of a pixel would alias
SHOW_THROUGH = 0.4  # share of the ground's texture seen on the shape, so that texture alone does not give it away


@dataclass(frozen=True)
class Scene:
    """What is seen, in pixels: x right, y down, the image's corner at (0, 0), its first pixel's centre at (.5, .5).

    Attributes:
        shape: A name of `SHAPES`.
        centre: (x, y) of the circle that encloses the shape; any fraction of a pixel.
        radius: Radius of that circle.
        angle: Rotation in radians.
        colour: Mean red, green, blue of the shape, in [0, 1].
        ground: Mean red, green, blue of the background, in [0, 1].
        roughness: Standard deviation of the background's texture, in units of the full range.
        texture_seed: Names the texture.
    """

    shape: str
    centre: tuple[float, float]
    radius: float
    angle: float
    colour: Colour
    ground: Colour
    roughness: float
    texture_seed: int


def texture(size: int, seed: int, origin: tuple[float, float] = (0.0, 0.0)) -> Field:
    """Sample a coloured 1/f texture that covers the whole plane.

    It is a sum of plane waves of equal amplitude whose frequencies are log-uniform: every octave has the same power,
    which is what an amplitude spectrum falling as 1/f has in two dimensions (D. J. Field, 1987).

    Args:
        size: Side of the window in pixels, also the longest wave.
        seed: Names the texture.
        origin: (x, y) of the window's corner on the plane; any fraction of a pixel.

    Returns:
        float64 (3, size, size), mean 0 and standard deviation 1 over the plane, grey rather than coloured.
    """
    draws = np.random.default_rng(seed).random((6, WAVES))
    frequency = 2 * pi * np.exp(draws[0] * np.log(size / FINEST_WAVE)) / size
    direction, phase = 2 * pi * draws[1], 2 * pi * draws[2]
    tint = 0.5 + draws[3:]
    amplitude = tint * np.sqrt(2 / np.square(tint).sum(axis=1, keepdims=True))
    pixels = np.arange(size) + 0.5
    across = np.outer(pixels + origin[0], frequency * np.cos(direction)) + phase
    down = np.outer(pixels + origin[1], frequency * np.sin(direction))
    # cos(a + b) = cos a cos b - sin a sin b turns the sum over waves into one matrix product.
    rows = np.tile(amplitude, 2)[:, None, :] * np.concatenate([np.cos(down), -np.sin(down)], axis=1)
    columns = np.concatenate([np.cos(across), np.sin(across)], axis=1)
    rows = rows.reshape(3 * size, 2 * WAVES)
    blocks = np.array_split(rows, -(-rows.size * size // ONE_THREAD))
    return np.concatenate([block @ columns.T for block in blocks]).reshape(3, size, size)


def coverage(scene: Scene, size: int, origin: tuple[float, float] = (0.0, 0.0)) -> Field:
    """Return the share of each pixel that the shape covers: float64 (size, size) in [0, 1]."""
    pixels = np.arange(size) + 0.5
    x = (pixels + origin[0] - scene.centre[0])[None, :] / scene.radius
    y = (pixels + origin[1] - scene.centre[1])[:, None] / scene.radius
    u = cos(scene.angle) * x + sin(scene.angle) * y
    v = cos(scene.angle) * y - sin(scene.angle) * x
    return np.clip(0.5 - scene.radius * SHAPES[scene.shape](u, v), 0.0, 1.0)


def render(scene: Scene, size: int, origin: tuple[float, float] = (0.0, 0.0)) -> Field:
    """Draw a scene as a camera at `origin` sees it.

    Moving `origin` by (-dx, -dy) moves the whole picture, texture included, by (dx, dy) pixels, whole or not; moving
    `scene.centre` moves the shape over a resting background.

    Args:
        scene: What is seen.
        size: Side of the image in pixels.
        origin: (x, y) of the image's corner in the scene.

    Returns:
        float64 (3, size, size) in [0, 1].
    """
    covered = coverage(scene, size, origin)
    ground, colour = (np.asarray(values)[:, None, None] for values in (scene.ground, scene.colour))
    # In place: at 250 pixels fresh memory for each step would take twice the time of the arithmetic.
    image = texture(size, scene.texture_seed, origin)
    image *= scene.roughness * (1 - (1 - SHOW_THROUGH) * covered)
    image += ground
    image += covered * (colour - ground)
    return np.clip(image, 0.0, 1.0, out=image)


def to_uint8(image: Field) -> NDArray[np.uint8]:
    """Round an image in [0, 1] to 8 bits."""
    return np.rint(255 * image).astype(np.uint8)


def draw_scene(
    index: int, size: int, bias: float = 0.5, seed: int = 0, split: str = "train", size_bias: float | None = None
) -> Scene:
    """Draw the scene of one image, independently of the others.

    The bias is the photographer's. With s = 1 - bias, each coordinate of the centre is uniform in
    size / 2 +- s (size / 2 - radius); with s = 1 - size_bias, the radius is uniform in (.24 +- .12 s) size. So 0
    spreads the shape over all places where it fits entirely, at all sizes, and 1 puts it in the centre at one size.
    Everything else about an image is the same at every bias.

    Args:
        index: Position in the data set, from 0; the shapes take turns.
        size: Side of the image in pixels.
        bias: Of place, and of size as well where `size_bias` is None; in [0, 1].
        seed: Names the data set, from 0.
        split: `"train"` or `"val"`.
        size_bias: Of size alone, in [0, 1].

    Returns:
        The scene.
    """
    draws = np.random.default_rng([seed, SPLITS[split], index]).random(16)
    spread = 1 - bias
    middle, reach = (LARGEST_RADIUS + SMALLEST_RADIUS) / 2, (LARGEST_RADIUS - SMALLEST_RADIUS) / 2
    size_spread = spread if size_bias is None else 1 - size_bias
    radius = size * (middle + size_spread * reach * (2 * draws[0] - 1))
    x, y = size / 2 + spread * (size / 2 - radius) * (2 * draws[1:3] - 1)
    ground = 0.1 + 0.5 * draws[4:7]
    return Scene(
        shape=list(SHAPES)[index % len(SHAPES)],
        centre=(float(x), float(y)),
        radius=float(radius),
        angle=float(TURN * (2 * draws[3] - 1)),
        colour=_lighter(ground, contrast=_between(CONTRAST, draws[7]), draws=draws[8:10]),
        ground=_colour(ground),
        roughness=float(_between(ROUGHNESS, draws[10])),
        texture_seed=int(draws[11] * 2**53),
    )


def _between(limits: tuple[float, float], draw: float) -> float:
    return limits[0] + (limits[1] - limits[0]) * draw


def _lighter(ground: Field, contrast: float, draws: Field) -> Colour:
    """Step away from a colour towards the light, in a direction uniform on that eighth of the sphere.

    If shapes were lighter or darker at random, no linear feature would help to classify them, and a small network would
    spend the first minutes of its training on a plateau.
    """
    height, turn = draws[0], pi / 2 * draws[1]
    flat = sqrt(1 - height**2)
    return _colour(
        np.clip(ground + contrast * sqrt(3) * np.array([flat * cos(turn), flat * sin(turn), height]), 0.0, 1.0)
    )


def _colour(values: Field) -> Colour:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
