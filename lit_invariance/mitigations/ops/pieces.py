"""A filter along one axis as sums of slices: the pieces of the result that are made alike."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

Weights = dict[int, float]  # of the samples that a result is the sum of


class Piece(NamedTuple):
    """A run of results with equal weights, whose samples advance by `Steps.samples` from one result to the next.

    Attributes:
        start: The first result.
        length: How many there are.
        terms: The sample that each term of the first result takes, and its weight. A weight of one, if there is one,
            comes first.
    """

    start: int
    length: int
    terms: tuple[tuple[int, float], ...]


class Steps(NamedTuple):
    """How far apart neighbouring results of a piece lie, and the samples they take."""

    results: int
    samples: int


class Axis(NamedTuple):
    """What a filter does along one axis."""

    steps: Steps
    pieces: tuple[Piece, ...]


@lru_cache(maxsize=512)
def gathering(taps: tuple[float, ...], stride: int, size: int, padding: str) -> Axis:
    """Split y[i] = sum over k of taps[k] x[stride i + k - b], with b = (number of taps - 1) // 2.

    Positions outside the map are folded back into it; results near the border are pieces of their own.

    Args:
        taps: The filter.
        stride: Step between results, in samples.
        size: Samples of the map x.
        padding: `reflect`, `replicate`, `circular` or `zero`.

    Returns:
        The pieces of `ceil(size / stride)` results.
    """
    steps = Steps(1, stride)
    return Axis(steps, tuple(_pieces(_sums(taps, stride, size, padding), steps)))


@lru_cache(maxsize=512)
def scattering(taps: tuple[float, ...], stride: int, size: int, padding: str) -> Axis:
    """Split the transpose of `gathering`: each sample's gradient as a sum of those of y.

    Args:
        taps: The filter.
        stride: Step between results of the filter, in samples.
        size: Samples of the map x.
        padding: As for `gathering`.

    Returns:
        The pieces of the `size` gradients.
    """
    transposed: list[Weights] = [{} for _ in range(size)]
    for result, weights in enumerate(_sums(taps, stride, size, padding)):
        for sample, weight in weights.items():
            transposed[sample][result] = weight
    steps = Steps(stride, 1)
    return Axis(steps, tuple(_pieces(transposed, steps)))


def run(axis: Axis, source: Tensor, target: Tensor, dim: int) -> None:
    """Filter maps along one of their axes, piece by piece.

    Args:
        axis: What to do along it.
        source: `(N, C, H, W)`.
        target: Where the results go, `(N, C, H', W')`, the other axis as long as the source's.
        dim: 2 for the rows, 3 for the columns.
    """
    for start, length, terms in axis.pieces:
        goal = _every(target, dim, start, axis.steps.results, length)
        parts = [(_every(source, dim, sample, axis.steps.samples, length), weight) for sample, weight in terms]
        _sum(parts, goal)


def fold(position: int, size: int, padding: str) -> int | None:
    """Find the sample of a map that stands in for a position.

    Args:
        position: Inside or outside of the map.
        size: Samples of the map.
        padding: As for `gathering`.

    Returns:
        Its index; None where a zero stands in.
    """
    if 0 <= position < size:
        return position
    if padding == "zero":
        return None
    if padding == "circular":
        return position % size
    if padding == "replicate" or size == 1:
        return min(max(position, 0), size - 1)
    return (size - 1) - abs(position % (2 * size - 2) - (size - 1))


def _sums(taps: tuple[float, ...], stride: int, size: int, padding: str) -> list[Weights]:
    sums: list[Weights] = []
    for position in range(-((len(taps) - 1) // 2), size - (len(taps) - 1) // 2, stride):
        weights: Weights = {}
        for tap, weight in enumerate(taps):
            sample = fold(position + tap, size, padding)
            if sample is not None and weight:
                weights[sample] = weights.get(sample, 0.0) + weight
        sums.append(weights)
    return sums


def _pieces(sums: Sequence[Weights], steps: Steps) -> Iterator[Piece]:
    for phase in range(min(steps.results, len(sums))):
        every = sums[phase :: steps.results]
        start = 0
        for end in range(1, len(every) + 1):
            if end == len(every) or every[end] != _moved(every[end - 1], steps.samples):
                terms = sorted(every[start].items(), key=lambda term: term[1] != 1)
                yield Piece(phase + start * steps.results, end - start, tuple(terms))
                start = end


def _moved(weights: Weights, samples: int) -> Weights:
    return {sample + samples: weight for sample, weight in weights.items()}


def _sum(parts: Sequence[tuple[Tensor, float]], goal: Tensor) -> None:
    if not parts:
        goal.zero_()
        return
    (first, weight), *rest = parts
    if weight == 1 and rest:
        # One operation for two terms: the maps are read and written that much less often.
        (second, other), *rest = rest
        torch.add(first, second, alpha=other, out=goal)
    else:
        torch.mul(first, weight, out=goal)
    for part, weight in rest:
        goal.add_(part, alpha=weight)


def _every(maps: Tensor, dim: int, start: int, step: int, length: int) -> Tensor:
    stop = start + (length - 1) * step + 1
    return maps[:, :, start:stop:step] if dim == 2 else maps[:, :, :, start:stop:step]
