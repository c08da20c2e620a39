"""Which pictures are held out: each once in turn where there are few, a share of them where there are many."""

from collections.abc import Sequence

import numpy as np

from lit_invariance.data.source import Source
from lit_invariance.errors import UserError

FOLDS = 3
FEW = 300
"""Pictures up to which each is held out once, which takes `FOLDS` trainings of every network instead of one."""
FEWEST = 12
MOST_HELD_OUT = 250


def folds(source: Source, seed: int) -> list[list[int]]:
    """Choose the pictures to hold out, spread evenly over classes.

    Args:
        source: The pictures to train on.
        seed: Names the choice.

    Returns:
        Positions held out in each fold, increasing. The folds are disjoint.

    Raises:
        UserError: If there are too few pictures to hold any out.
    """
    if len(source) < FEWEST:
        raise UserError(
            f"there are {len(source)} pictures to train on, and a choice on held-out ones needs at least {FEWEST}; add "
            "pictures, or put content_align in front of the network without training (docs/fix.md)."
        )
    random = np.random.default_rng(seed)
    labels = np.asarray(labels_of(source))
    order = np.lexsort((random.random(len(labels)), labels))
    parts = FOLDS if len(source) <= FEW else 1
    if parts == 1:
        chosen = order[:: max(4, -(-len(order) // MOST_HELD_OUT))]
        return [sorted(chosen.tolist())]
    return [sorted(order[part::parts].tolist()) for part in range(parts)]


def labels_of(source: Source) -> Sequence[int]:
    """Return the labels of all pictures, without decoding them where the source knows them."""
    known: Sequence[int] | None = getattr(source, "labels", None)
    return known if known is not None else [source[position][1] for position in range(len(source))]
