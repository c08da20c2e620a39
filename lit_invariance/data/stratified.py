"""A random share of labelled samples, spread evenly over classes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def stratified_choice(classes: Sequence[str], share: float, seed: int) -> NDArray[np.bool_]:
    """Choose a random share of samples; every class gets its part to within one sample.

    Samples are put in random order within classes in random order, and every 1/share-th is taken from a random start
    (systematic sampling), so the total is right also where classes have fewer than 1/share samples.

    Args:
        classes: Class of each of N samples.
        share: In (0, 1]; below 1, at least one of several samples is chosen and one left.
        seed: Names the choice.

    Returns:
        bool (N,), true for the chosen.
    """
    random = np.random.default_rng(seed)
    names = sorted(set(classes))
    place = dict(zip(names, random.random(len(names)), strict=True))
    order = np.lexsort((random.random(len(classes)), [place[name] for name in classes]))
    count = len(classes) if share == 1 else max(min(round(share * len(classes)), len(classes) - 1), 1)
    steps = (np.arange(count) + random.random()) * len(classes) / count
    chosen = np.zeros(len(classes), dtype=np.bool_)
    chosen[order[steps.astype(int)]] = True
    return chosen
