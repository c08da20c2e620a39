"""Rows that follow each other in time are similar: combines them into blocks, which are then resampled."""

import math

import numpy as np
from numpy.typing import NDArray

from lit_invariance.results.outcomes import Outcomes


def block_length(pairs: int) -> int:
    """Return the number of neighbouring pairs that are resampled together, the square root of their number."""
    return math.ceil(math.sqrt(pairs))


def block_starts(rows: int, length: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Divide rows into blocks of neighbours.

    Args:
        rows: Number of rows.
        length: Rows per block; block lengths differ by at most one row, and two rows or more give at least two blocks.

    Returns:
        The first row of each block, and the blocks' lengths.
    """
    blocks = max(rows // length, min(2, rows))
    starts = np.array([part[0] for part in np.array_split(np.arange(rows), blocks)])
    return starts, np.diff(starts, append=rows).astype(np.float64)


def in_blocks(outcomes: Outcomes, length: int) -> Outcomes:
    """Combine neighbouring rows, so that blocks are resampled instead of rows.

    This is the bootstrap of Carlstein, "The Use of Subseries Values for Estimating the Variance of a General Statistic
    from a Stationary Sequence", Annals of Statistics 14(3), 1986. What lies further apart than a block, such as a cut
    to another scene, is treated as independent.

    Args:
        outcomes: N rows in the order of time.
        length: Rows per block, see `block_starts`.

    Returns:
        A row for each block: its means, weighted by its length, so that the means over all rows are kept. Without
        answers.
    """
    starts, lengths = block_starts(len(outcomes.indices), length)
    columns = {of: np.add.reduceat(values, starts) / lengths for of, values in outcomes.columns.items()}
    return Outcomes(outcomes.indices[starts], outcomes.labels[starts], columns, {}, lengths)
