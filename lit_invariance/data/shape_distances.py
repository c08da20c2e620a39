"""Signed distances of ten shapes, each drawn in the unit circle around the origin.

Every function takes coordinates `u` (right) and `v` (down) in units of the shape's radius and returns the distance to
the outline in the same units, negative inside. The unit circle is the smallest one that encloses the shape, so a shape
of radius r around c lies in an image exactly if the circle does. Distances are exact beside the edges; outside a corner
they are those of the nearest edge's line, which keeps the corner sharp.
"""

from collections.abc import Callable
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]


def _disc(u: Field, v: Field, x: float = 0.0, y: float = 0.0, radius: float = 1.0) -> Field:
    return np.hypot(u - x, v - y) - radius


def _ring(u: Field, v: Field) -> Field:
    return np.abs(np.hypot(u, v) - 0.75) - 0.25


def _half_disc(u: Field, v: Field) -> Field:
    return np.maximum(_disc(u, v), v)


def _crescent(u: Field, v: Field) -> Field:
    return np.maximum(_disc(u, v), -_disc(u, v, x=0.45, radius=0.8))


def _square(u: Field, v: Field) -> Field:
    return np.maximum(np.abs(u), np.abs(v)) - sqrt(0.5)


def _box(u: Field, v: Field, half_width: float) -> Field:
    """A rectangle with its corners on the unit circle, `half_width` being half its side along u."""
    return np.maximum(np.abs(u) - half_width, np.abs(v) - sqrt(1 - half_width**2))


def _bar(u: Field, v: Field) -> Field:
    return _box(u, v, 0.3)


def _cross(u: Field, v: Field) -> Field:
    return np.minimum(_box(u, v, 0.3), _box(v, u, 0.3))


def _folded(u: Field, v: Field, points: int) -> tuple[Field, Field]:
    """Fold the plane onto one sector of a shape with `points` corners, the corner lying on the first axis."""
    sector = 2 * pi / points
    angle = np.arctan2(v, u)
    angle = np.abs(angle - sector * np.round(angle / sector))
    radius = np.hypot(u, v)
    return radius * np.cos(angle), radius * np.sin(angle)


def _star(u: Field, v: Field, points: int = 5, inner: float = 0.45) -> Field:
    along, across = _folded(u, v, points)
    notch_along, notch_across = inner * np.cos(pi / points), inner * np.sin(pi / points)
    edge = np.hypot(1 - notch_along, notch_across)
    distance: Field = ((along - 1) * notch_across + across * (1 - notch_along)) / edge
    return distance


def _triangle(u: Field, v: Field) -> Field:
    # A star whose notches lie on the straight lines between its corners.
    return _star(u, v, points=3, inner=0.5)


def _heart(u: Field, v: Field) -> Field:
    # A square on its corner and a disc on each of its two upper edges; `lift` centres the enclosing circle.
    lift, scale = (sqrt(2) - 1) / (3 - sqrt(2)), 1 / (1 + (sqrt(2) - 1) / (3 - sqrt(2)))
    u, v = np.abs(u) / scale, -v / scale + lift
    square = (u + np.abs(v) - 1) / sqrt(2)
    return scale * np.minimum(square, _disc(u, v, x=0.5, y=0.5, radius=sqrt(0.5)))


SHAPES: dict[str, Callable[[Field, Field], Field]] = {
    "disc": _disc,
    "ring": _ring,
    "half_disc": _half_disc,
    "crescent": _crescent,
    "triangle": _triangle,
    "square": _square,
    "bar": _bar,
    "star": _star,
    "cross": _cross,
    "heart": _heart,
}
