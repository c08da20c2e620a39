from itertools import pairwise

import pytest

from lit_invariance.protocols import CropFractional, Rings
from lit_invariance.protocols.around import spiral


def test_two_rings_by_hand():
    """The order of visits on the 5 x 5 places around the middle, row by row."""
    order = """
        16 15 14 13 12
        17  4  3  2 11
        18  5  0  1 10
        19  6  7  8  9
        20 21 22 23 24"""
    grid = [[int(number) for number in line.split()] for line in order.strip().splitlines()]
    places = {number: (row - 2, column - 2) for row, line in enumerate(grid) for column, number in enumerate(line)}
    assert spiral(2) == [places[number] for number in range(25)]


@pytest.mark.parametrize("rings", [1, 2, 8])
def test_every_place_once_ring_after_ring_and_always_to_a_neighbour(rings):
    places = spiral(rings)
    side = range(-rings, rings + 1)
    assert sorted(places) == [(down, right) for down in side for right in side]
    radii = [max(abs(down), abs(right)) for down, right in places]
    assert radii == sorted(radii)
    assert [radii.count(radius) for radius in range(1, rings + 1)] == [8 * radius for radius in range(1, rings + 1)]
    assert {abs(down - d) + abs(right - r) for (down, right), (d, r) in pairwise(places)} == {1}


def test_steps_and_names_are_in_pixels():
    assert Rings(m=8).steps == (0.0, *(radius for radius in range(1, 9) for _ in range(8 * radius)))
    assert Rings(border="cyclic", upsample=4, m=2).steps == (0.0, *[0.25] * 8, *[0.5] * 16)
    assert CropFractional(m=3).steps == (0.0, *[1 / 3] * 8, *[2 / 3] * 16, *[1.0] * 24)
    assert Rings(m=1).view_names[:4] == tuple(
        f"{down} px down, {right} px right" for down, right in [("+0", "+0"), ("+0", "+1"), ("-1", "+1"), ("-1", "+0")]
    )
    assert CropFractional(m=3).view_names[1] == "+0 px down, +0.333 px right"
