"""What a single mean would hide: robust accuracy at each radius, the answers behind each pipeline."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lit_invariance.data.source import UNLABELLED
from lit_invariance.evaluation.statistics import Array, bootstrap
from lit_invariance.protocols.around import AWAY
from lit_invariance.protocols.preprocessing import BETWEEN, PIPELINE, Pipeline
from lit_invariance.results.outcomes import Outcomes
from lit_invariance.results.schema import ProtocolEntry, SeriesEntry


class Line(NamedTuple):
    """A measure of one model under one protocol at each of P places.

    Attributes:
        measure: What is measured.
        places: The places in words.
        values: `(N, P)`, a share for each image; nan where it is undefined.
        spread: Least, greatest and standard deviation over all views of the mean over images; None where that says
            nothing.
    """

    measure: str
    places: list[str]
    values: Array
    spread: list[float] | None = None


def series_of(outcomes: Outcomes, protocols: Sequence[ProtocolEntry], seed: int) -> list[SeriesEntry]:
    """Take the means over images at each place, with intervals as in the tables.

    Args:
        outcomes: The answers.
        protocols: What was shown; those without places in `SERIES` are passed over.
        seed: Seed of the resampling.

    Returns:
        An entry for each protocol, measure and model.
    """
    lines = [
        (entry["label"], model, line)
        for entry in protocols
        for (model, label), answers in outcomes.answers.items()
        if label == entry["label"] and entry["unit"] in SERIES
        for line in SERIES[entry["unit"]](entry, answers.predictions, outcomes.labels)
    ]
    if not lines:
        return []
    values = np.concatenate([line.values for _, _, line in lines], axis=1)
    shares = np.zeros(values.shape[1]), np.ones(values.shape[1])
    found = bootstrap(values, seed, weights=outcomes.weights).intervals(bounds=shares)
    first, entries = 0, []
    for protocol, model, line in lines:
        places = slice(first, first + len(line.places))
        entry: SeriesEntry = {
            "protocol": protocol,
            "model": model,
            "measure": line.measure,
            "places": line.places,
            "mean": found.mean[places].tolist(),
            "low": found.low[places].tolist(),
            "high": found.high[places].tolist(),
        }
        if line.spread is not None:
            entry["spread"] = line.spread
        entries.append(entry)
        first = places.stop
    return entries


def robust_accuracy(
    protocol: ProtocolEntry, predictions: NDArray[np.int32], labels: NDArray[np.int64]
) -> Iterator[Line]:
    """For each radius tell which images are right at the reference and at every view up to so far away.

    Args:
        protocol: Its steps are the views' distances from the reference.
        predictions: `(N, T)`.
        labels: `(N,)`.

    Yields:
        Nothing where the classes are not known.
    """
    if (labels == UNLABELLED).all():
        return
    right, distances = predictions == labels[:, None], np.array(protocol["steps"])
    radii = np.unique(distances)
    values = np.stack([right[:, distances <= radius].all(1) for radius in radii], axis=1)
    yield Line("robust accuracy", [f"{radius:.3g} px" for radius in radii], values.astype(np.float64))


def behind_pipelines(
    protocol: ProtocolEntry, predictions: NDArray[np.int32], labels: NDArray[np.int64]
) -> Iterator[Line]:
    """Tell what a network says behind the reference, behind what differs from it in one thing, and behind all others.

    Args:
        protocol: Its views are named after their pipelines, and the first is that of the reference.
        predictions: `(N, T)`, -1 where an image does not have a view.
        labels: `(N,)`.

    Yields:
        Accuracy where the classes are known, and the share of images with another answer than the reference's.
    """
    shown = predictions >= 0
    had = np.asarray(shown.any(0))
    places = _single_differences(protocol.get("view_names", []), had)
    others = f"mean of {int(had.sum()) - 1} others"
    if not (labels == UNLABELLED).all():
        right = np.where(shown, predictions == labels[:, None], np.nan)
        of_pipelines = np.nanmean(right[:, had], axis=0)
        spread = [float(of_pipelines.min()), float(of_pipelines.max()), float(of_pipelines.std())]
        yield Line("accuracy", ["reference", *places, others], _at(right, [0, *places.values()]), spread)
    other = np.where(shown, predictions != predictions[:, :1], np.nan)
    yield Line("other answers than the reference's", [*places, others], _at(other, [*places.values()]))


def _at(values: Array, views: list[int]) -> Array:
    """Some views' values `(N, T)`, and the mean over all but the first."""
    return np.concatenate([values[:, views], np.nanmean(values[:, 1:], axis=1, keepdims=True)], axis=1)


def _single_differences(names: Sequence[str], shown: NDArray[np.bool_]) -> dict[str, int]:
    """What a pipeline has in place of the reference's decoder, kernel or offset, to its view."""
    pipelines = [Pipeline(*name.split(BETWEEN)) for name in names]
    places = {}
    for part in range(len(Pipeline._fields)):
        for view, pipeline in enumerate(pipelines):
            differing = [n for n in range(len(pipeline)) if pipeline[n] != pipelines[0][n]]
            if differing == [part] and shown[view]:
                places[f"{Pipeline._fields[part]} {pipeline[part]}"] = view
    return places


SERIES: dict[str, Callable[[ProtocolEntry, NDArray[np.int32], NDArray[np.int64]], Iterator[Line]]] = {
    AWAY: robust_accuracy,
    PIPELINE: behind_pipelines,
}
"""Unit of a protocol's steps, to the measures that are taken at each of them."""
