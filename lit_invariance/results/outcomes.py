"""The primary record of an evaluation: what every model said of every image under every protocol."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lit_invariance.files import replacing

Column = tuple[str, str, str]
"""Model, protocol and score, by name."""
Cell = tuple[str, str]
"""Model and protocol, by name."""
TIE = 1e-4
"""Difference of logits that the ways to run one network may make."""
UNKNOWN = np.zeros(0, np.bool_)


@dataclass(frozen=True)
class Answers:
    """What one model said of each view; a view that does not fit into an image holds -1 and nan.

    Attributes:
        predictions: `(N, T)` int32, the arg-max.
        top_probability: `(N, T)` float32, its probability.
        true_probability: `(N, T)` float32, the label's probability.
        tied: `(N, T)` bool, whether the two greatest logits are within `TIE` of each other, so that rounding decides
            the answer; none are where that is not known.
    """

    predictions: NDArray[np.int32]
    top_probability: NDArray[np.float32]
    true_probability: NDArray[np.float32]
    tied: NDArray[np.bool_] = field(default_factory=lambda: UNKNOWN)

    def __post_init__(self) -> None:
        if self.tied is UNKNOWN:
            object.__setattr__(self, "tied", np.zeros(self.predictions.shape, np.bool_))


UNREADABLE = (OSError, ValueError)
"""What `load_outcomes` may raise on a file that is missing, cut off or of another kind."""

PARTS = tuple(Answers.__annotations__)


@dataclass(frozen=True)
class Outcomes:
    """Per-image scores and answers; all of them have the same order of images.

    Attributes:
        indices: `(N,)` int64, positions in the data set, increasing and unique.
        labels: `(N,)` int64.
        columns: (model, protocol, score) to `(N,)` float64; nan where a score is undefined for an image.
        answers: (model, protocol) to the answers behind the scores.
        weights: `(N,)`, what each row counts in a mean; None where all count alike, as they do in a file.
    """

    indices: NDArray[np.int64]
    labels: NDArray[np.int64]
    columns: dict[Column, NDArray[np.float64]]
    answers: dict[Cell, Answers]
    weights: NDArray[np.float64] | None = None

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


def beside(parts: Sequence[Outcomes]) -> Outcomes:
    """Put outcomes of different models for the same images side by side.

    Args:
        parts: Outcomes with the same images in the same order, without a model in common.
    """
    columns = {column: values for part in parts for column, values in part.columns.items()}
    answers = {cell: answer for part in parts for cell, answer in part.answers.items()}
    return Outcomes(parts[0].indices, parts[0].labels, columns, answers, parts[0].weights)


def save_outcomes(outcomes: Outcomes, path: Path) -> None:
    """Write outcomes as compressed NPZ.

    The arrays are `indices` and `labels` `(N,)`; `values` `(V, N)` with `models`, `protocols` and `scores` `(V,)`, the
    names that belong to its rows; `answer_models` and `answer_protocols` `(C,)`, and for the c-th of these the
    `predictions_c`, `top_probability_c`, `true_probability_c` and `tied_c` `(N, T)` of `Answers`.

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

    Raises:
        OSError: If it cannot be opened.
        ValueError: If it is broken, or its arrays do not belong together.
    """
    try:
        outcomes = _loaded(path)
    except OSError:
        raise
    # Zip, zlib and numpy's headers have an error each for every way in which a file can be broken.
    except Exception as error:
        raise ValueError(f"{path} is broken") from error
    images = len(outcomes.indices)
    expected = {(images,): [outcomes.indices, outcomes.labels, *outcomes.columns.values()]}
    for answer in outcomes.answers.values():
        shape = (images, *answer.predictions.shape[1:2])
        expected.setdefault(shape, []).extend(getattr(answer, part) for part in PARTS)
    whole = all(array.shape == shape for shape, arrays in expected.items() for array in arrays)
    if not whole or not images or not outcomes.columns or np.any(np.diff(outcomes.indices) <= 0):
        raise ValueError(f"the arrays of {path} do not belong together")
    return outcomes


def _loaded(path: Path) -> Outcomes:
    # numpy leaves open what it cannot read, unless it was opened here.
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        names = zip(*(file[part].tolist() for part in ("models", "protocols", "scores")), strict=True)
        cells = zip(file["answer_models"].tolist(), file["answer_protocols"].tolist(), strict=True)
        answers = {
            cell: Answers(
                file[f"predictions_{number}"].astype(np.int32, casting="safe", copy=False),
                file[f"top_probability_{number}"].astype(np.float32, casting="safe", copy=False),
                file[f"true_probability_{number}"].astype(np.float32, casting="safe", copy=False),
                # Earlier files have none.
                file[f"tied_{number}"].astype(np.bool_, casting="safe") if f"tied_{number}" in file else UNKNOWN,
            )
            for number, cell in enumerate(cells)
        }
        indices, labels = (file[part].astype(np.int64, casting="safe", copy=False) for part in ("indices", "labels"))
        values = file["values"].astype(np.float64, casting="safe", copy=False)
        return Outcomes(indices, labels, dict(zip(names, values, strict=True)), answers)
