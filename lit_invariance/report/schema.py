"""What a results file holds: the schema that an evaluation writes and every report reads."""

import json
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from lit_invariance.errors import UserError

SCHEMA = 1


class ModelEntry(TypedDict):
    """A model: its name and source as given, what it is made of, its size, and its forward passes for one view.

    `weights` is torchvision's name of its published weights, None where it has others.
    """

    name: str
    source: str
    backbone: str
    weights: str | None
    mitigations: list[Any]
    translation: dict[str, Any] | None
    parameters: int
    image_size: int
    passes: int


class ProtocolEntry(TypedDict):
    """A protocol: its label in the rows, name and options, the coordinates of its views, and the scores tables show."""

    label: str
    name: str
    options: dict[str, Any]
    unit: str
    steps: list[float]
    headline: list[str]


class ScoreEntry(TypedDict):
    """A score: what the number is, and its good direction."""

    unit: str
    higher_is_better: bool


class Row(TypedDict):
    """The mean over images of one score of one model under one protocol.

    `low` and `high` are the ends of the 95 % interval. `difference` is the mean over images of this model's score less
    the reference's, with the interval of the paired comparison; all three are None in the reference's own rows. A mean
    is None where the score is defined for no image, as `top1_change_given_correct` of a model that is never right.
    """

    model: str
    protocol: str
    score: str
    mean: float | None
    low: float | None
    high: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None


class Results(TypedDict):
    """A results file.

    `images` is the number of rows of the outcomes, which are `samples` where they are not images; `resampled` is what
    the bootstrap draws where that is not single images. `command` are the arguments; `versions` the libraries' and
    Python's; `data` the settings of the data set with its number of `classes`; `level` the coverage of the intervals.
    """

    schema: int
    command: list[str]
    versions: dict[str, str]
    device: str
    precision: str
    seed: int
    level: float
    images: int
    data: dict[str, Any]
    reference: str
    models: list[ModelEntry]
    protocols: list[ProtocolEntry]
    scores: dict[str, ScoreEntry]
    rows: list[Row]
    samples: NotRequired[str]
    resampled: NotRequired[str]


def samples(results: Results) -> str:
    """Return what the rows of the outcomes are, in the plural."""
    return results.get("samples", "images")


def read_results(path: Path) -> Results:
    """Read a results file.

    Args:
        path: `results.json`.

    Raises:
        UserError: If it is missing, no JSON, or of another schema.
    """
    try:
        results: Results = json.loads(path.read_text(encoding="utf-8"))
        schema = results["schema"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} cannot be read as a results file; make it with evaluate.py.") from error
    if schema != SCHEMA:
        raise UserError(f"{path} has schema {schema}, this version reads {SCHEMA}; evaluate again.")
    return results


def scores_under(results: Results, protocol: str) -> list[str]:
    """Return the scores measured under a protocol, in their order."""
    present = {row["score"] for row in results["rows"] if row["protocol"] == protocol}
    return [score for score in results["scores"] if score in present]


def headline_scores(results: Results, protocol: str) -> list[str]:
    """Return the measured scores that stand in the table of a protocol."""
    entry = next(entry for entry in results["protocols"] if entry["label"] == protocol)
    return [score for score in entry["headline"] if score in scores_under(results, protocol)]


def find_row(results: Results, model: str, protocol: str, score: str) -> Row:
    """Return one row.

    Raises:
        KeyError: If there is none.
    """
    for row in results["rows"]:
        if (row["model"], row["protocol"], row["score"]) == (model, protocol, score):
            return row
    raise KeyError((model, protocol, score))


def estimate(row: Row) -> tuple[float, float, float] | None:
    """Return a row's mean with the ends of its interval; None where the score is defined for no image."""
    value, low, high = row["mean"], row["low"], row["high"]
    return None if value is None or low is None or high is None else (value, low, high)
