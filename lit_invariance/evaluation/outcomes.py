"""The primary record of an evaluation: the scores of every model on every image under every protocol."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lit_invariance.files import replacing

Column = tuple[str, str, str]
"""Model, protocol and score, by name."""


@dataclass(frozen=True)
class Outcomes:
    """Per-image scores; the images stand in the same order in every column.

    Attributes:
        indices: `(N,)` int64, positions in the data set, increasing and unique.
        labels: `(N,)` int64.
        columns: (model, protocol, score) to `(N,)` float64.
    """

    indices: NDArray[np.int64]
    labels: NDArray[np.int64]
    columns: dict[Column, NDArray[np.float64]]

    def matrix(self) -> NDArray[np.float64]:
        """Return all columns side by side, `(N, V)`."""
        return np.stack(list(self.columns.values()), axis=1)


def merge(parts: Sequence[Outcomes]) -> Outcomes:
    """Join what several processes measured.

    Args:
        parts: Outcomes with the same columns, in any order; an image may occur in several of them.

    Returns:
        Every image once, by increasing index.
    """
    indices, first = np.unique(np.concatenate([part.indices for part in parts]), return_index=True)
    labels = np.concatenate([part.labels for part in parts])[first]
    columns = {column: np.concatenate([part.columns[column] for part in parts])[first] for column in parts[0].columns}
    return Outcomes(indices, labels, columns)


def save_outcomes(outcomes: Outcomes, path: Path) -> None:
    """Write outcomes as compressed NPZ.

    The arrays are `indices` and `labels` `(N,)`, `values` `(V, N)`, and `models`, `protocols`, `scores` `(V,)`, the
    names that belong to the rows of `values`.

    Args:
        outcomes: What to write.
        path: The file, replaced whole.
    """
    models, protocols, scores = (np.array(names) for names in zip(*outcomes.columns, strict=True))
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            indices=outcomes.indices,
            labels=outcomes.labels,
            values=outcomes.matrix().T,
            models=models,
            protocols=protocols,
            scores=scores,
        )


def load_outcomes(path: Path) -> Outcomes:
    """Read what `save_outcomes` wrote.

    Args:
        path: The file.
    """
    with np.load(path, allow_pickle=False) as file:
        names = zip(*(file[part].tolist() for part in ("models", "protocols", "scores")), strict=True)
        return Outcomes(file["indices"], file["labels"], dict(zip(names, file["values"], strict=True)))
