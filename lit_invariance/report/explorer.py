"""What a reader moves about: every kept view of an image, with the answer of each model to it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lit_invariance.report.views import class_name, place_of
from lit_invariance.results.outcomes import Answers, Outcomes
from lit_invariance.results.schema import PictureEntry, ProtocolEntry, ResultsContent, is_labelled

THOUSAND = 1000


def explored(results: ResultsContent, outcomes: Outcomes, picture: PictureEntry, kept: bool) -> dict[str, Any]:
    """Put together what the page's script needs to show the views of one image.

    Args:
        results: The results.
        outcomes: Per-image outcomes.
        picture: The picture of the image.
        kept: Whether its file is there.

    Returns:
        For JSON: whether the picture was `kept`; `size`, `window` and `places` as in the picture, the views in reading
        order where they are a grid of moves; `columns` of that grid, 0 for a line; `axes`, words for each place along
        each axis; `start`, the view at which the reference fails; `names` of all answers, the true class first where it
        is known (`labelled`); and for each of the `models` which of the names it `said` at each view, and how `sure` it
        was of it and of the `truth`, in thousandths.
    """
    protocol = next(entry for entry in results["protocols"] if entry["label"] == picture["protocol"])
    row, known = outcomes.indices.tolist().index(picture["index"]), is_labelled(results)
    order, columns = _reading_order(picture["places"])
    views = [picture["views"][number] for number in order]
    places = [picture["places"][number] for number in order]
    answers = [outcomes.answers[model["name"], picture["protocol"]] for model in results["models"]]
    said = np.stack([answer.predictions[row, views] for answer in answers])
    labels = _by_frequency(said, int(outcomes.labels[row]) if known else None)
    return {
        "kept": kept,
        "size": picture["size"],
        "window": picture["window"],
        "places": places,
        "columns": columns,
        "axes": _axes(protocol, views, places, columns),
        "start": views.index(_failed(outcomes.answers[results["reference"], picture["protocol"]], row, picture)),
        "labelled": known,
        "names": [class_name(results, label) if label >= 0 else "not shown" for label in labels],
        "models": [_model(answer, row, views, labels, known) for answer in answers],
    }


def _reading_order(places: list[list[int]]) -> tuple[list[int], int]:
    """The views row by row, and the number of columns, where they are all places of a grid; else as they are, and 0."""
    rows, columns = (len(set(axis)) for axis in zip(*places, strict=True))
    distinct = len({tuple(place) for place in places})
    if min(rows, columns) < 2 or not distinct == len(places) == rows * columns:
        return list(range(len(places))), 0
    return sorted(range(len(places)), key=lambda number: places[number]), columns


def _failed(answers: Answers, row: int, picture: PictureEntry) -> int:
    """The worse of the two views; the second one where no class is known."""
    truth = answers.true_probability[row]
    return min(reversed(picture["worst"]), key=lambda view: float(truth[view]))


def _axes(protocol: ProtocolEntry, views: list[int], places: list[list[int]], columns: int) -> list[list[str]]:
    if not columns:
        return [[place_of(protocol, view) for view in views]]
    tops, lefts = (sorted(set(axis)) for axis in zip(*places, strict=True))
    return [
        [f"{place - (axis[0] + axis[-1]) / 2:+g} px {way}" for place in axis]
        for axis, way in ((tops, "down"), (lefts, "right"))
    ]


def _by_frequency(said: NDArray[np.int32], truth: int | None) -> list[int]:
    """All answers, the most frequent first; before them the true class, where it is known."""
    found, counts = np.unique(said, return_counts=True)
    others = [int(label) for label in found[np.argsort(-counts, kind="stable")] if label != truth]
    return others if truth is None else [truth, *others]


def _model(answers: Answers, row: int, views: list[int], labels: list[int], known: bool) -> dict[str, Any]:
    return {
        "said": [labels.index(label) for label in answers.predictions[row, views].tolist()],
        "sure": _thousandths(answers.top_probability[row, views]),
        "truth": _thousandths(answers.true_probability[row, views]) if known else [],
    }


def _thousandths(shares: NDArray[np.float32]) -> list[int]:
    whole: list[int] = (THOUSAND * np.nan_to_num(shares)).round().astype(int).tolist()
    return whole
