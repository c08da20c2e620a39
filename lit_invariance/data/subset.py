"""A random choice of images, the same for the same seed on any machine."""

import numpy as np


def random_positions(count: int, most: int | None, seed: int) -> list[int] | None:
    """Choose some of the positions 0 to `count - 1`.

    Args:
        count: Number of images there are.
        most: Number of images wanted; None means all.
        seed: Names the choice.

    Returns:
        The positions in order; None for all of them.
    """
    if most is None or most >= count:
        return None
    return sorted(int(index) for index in np.random.default_rng(seed).permutation(count)[:most])
