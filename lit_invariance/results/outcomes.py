"""The primary record of an evaluation: what every model said of every image under every protocol."""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lit_invariance.files import replacing

Column = tuple[str, str, str]
"""Model, protocol and score, by name."""
Cell = tuple[str, str]
"""Model and protocol, by name."""


@dataclass(frozen=True)
class Answers:
    """What one model said of each view; a view an image has no room for holds -1 and nan.

    Attributes:
        predictions: `(N, T)` int32, the arg-max.
        top_probability: `(N, T)` float32, its probability.
        true_probability: `(N, T)` float32, the label's probability.
    """

    predictions: NDArray[np.int32]
    top_probability: NDArray[np.float32]
    true_probability: NDArray[np.float32]


UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)
"""What `load_outcomes` may raise on a file that is missing, cut off or of another kind."""

PARTS = tuple(Answers.__annotations__)


@dataclass(frozen=True)
class Outcomes:
    """Per-image scores and answers; the images stand in the same order in all of them.

    Attributes:
        indices: `(N,)` int64, positions in the data set, increasing and unique.
        labels: `(N,)` int64.
        columns: (model, protocol, score) to `(N,)` float64; nan where a score is undefined for an image.
        answers: (model, protocol) to the answers behind the scores.
    """

    indices: NDArray[np.int64]
    labels: NDArray[np.int64]
    columns: dict[Column, NDArray[np.float64]]
    answers: dict[Cell, Answers]

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
    answers = {
        cell: Answers(*(np.concatenate([getattr(part.answers[cell], name) for part in parts])[first] for name in PARTS))
        for cell in parts[0].answers
    }
    return Outcomes(indices, labels, columns, answers)


def save_outcomes(outcomes: Outcomes, path: Path) -> None:
    """Write outcomes as compressed NPZ.

    The arrays are `indices` and `labels` `(N,)`; `values` `(V, N)` with `models`, `protocols` and `scores` `(V,)`, the
    names that belong to its rows; `answer_models` and `answer_protocols` `(C,)`, and for the c-th of these the
    `predictions_c`, `top_probability_c` and `true_probability_c` `(N, T)` of `Answers`.

    Args:
        outcomes: What to write.
        path: The file, replaced whole.
    """
    models, protocols, scores = (np.array(names) for names in zip(*outcomes.columns, strict=True))
    answers = {
        f"{name}_{number}": getattr(answer, name)
        for number, answer in enumerate(outcomes.answers.values())
        for name in PARTS
    }
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            indices=outcomes.indices,
            labels=outcomes.labels,
            values=outcomes.matrix().T,
            models=models,
            protocols=protocols,
            scores=scores,
            answer_models=np.array([model for model, _ in outcomes.answers], dtype=np.str_),
            answer_protocols=np.array([protocol for _, protocol in outcomes.answers], dtype=np.str_),
            **answers,
        )


def load_outcomes(path: Path) -> Outcomes:
    """Read what `save_outcomes` wrote.

    Args:
        path: The file.
    """
    with np.load(path, allow_pickle=False) as file:
        names = zip(*(file[part].tolist() for part in ("models", "protocols", "scores")), strict=True)
        cells = zip(file["answer_models"].tolist(), file["answer_protocols"].tolist(), strict=True)
        answers = {cell: Answers(*(file[f"{part}_{number}"] for part in PARTS)) for number, cell in enumerate(cells)}
        return Outcomes(file["indices"], file["labels"], dict(zip(names, file["values"], strict=True)), answers)
