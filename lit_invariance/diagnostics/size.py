"""Accuracy against the size at which the object is shown, beside what people achieve."""

from collections.abc import Callable, Iterable

import torch
from scipy import stats
from torch import Tensor
from tqdm import tqdm  # type: ignore[import-untyped]

from lit_invariance.data.batch import Batch
from lit_invariance.diagnostics.shiftability import PROGRESS_AFTER, VIEWS_AT_ONCE
from lit_invariance.protocols import Protocol, generator_for
from lit_invariance.results.diagnoses import SizeAccuracy, SizePoint

TOP = 5
LEVEL = 0.95
# What Azulay & Weiss 2018 (arXiv 1805.12177v1) give for people on pictures of 100 px.
HUMAN_SIZE, HUMAN_ACCURACY = 100.0, 0.85


def measure_size(
    classify: Callable[[Tensor], Tensor],
    batches: Iterable[Batch],
    protocol: Protocol,
    *,
    top: int | None = None,
    seed: int = 0,
) -> SizeAccuracy:
    """Measure accuracy at each size of a protocol such as `size_sweep`.

    Args:
        classify: Classifies views `(N, 3, S, S)` in [0, 1], on the batches' device.
        batches: Decoded images.
        protocol: Each of its steps is a size.
        top: An image counts as correct if its class is among this many top classes. None takes 5, and 1 where there are
            no more than five classes, all of which would be among them.
        seed: Seed of the views.

    Returns:
        The measurement, ready for JSON.

    Raises:
        ValueError: If there is no image, or an image is too small for the protocol.
    """
    rows: list[Tensor] = []
    for batch in tqdm(batches, desc="accuracy against size", delay=PROGRESS_AFTER, leave=False, disable=None):
        labels, indices = batch.labels.tolist(), batch.indices.tolist()
        for image, label, index in zip(batch.images, labels, indices, strict=True):
            generator = generator_for(seed, protocol.name, index)
            with torch.no_grad():
                parts = [classify(views) for views in protocol.parts(image, generator, VIEWS_AT_ONCE)]
            logits = torch.cat(parts)
            top = top or (TOP if logits.shape[-1] > TOP else 1)
            rows.append(in_top(logits, label, top).cpu())
    if top is None or not rows:
        raise ValueError("accuracy against size needs at least one image.")
    return accuracy_against_size(list(protocol.steps), torch.stack(rows), top=top, unit=protocol.unit)


def in_top(logits: Tensor, label: int, top: int) -> Tensor:
    """Return for each view whether the label is among the top classes.

    Args:
        logits: `(T, K)`.
        label: The class.
        top: Number of answers; all K where there are fewer.

    Returns:
        `(T,)` bool.
    """
    best = logits.topk(min(top, logits.shape[-1]), dim=-1).indices
    return (best == label).any(-1)


def accuracy_against_size(sizes: list[float], right: Tensor, *, top: int = TOP, unit: str = "px") -> SizeAccuracy:
    """Shape the answers at each size into a curve.

    Args:
        sizes: T sizes.
        right: `(N, T)` bool, whether an image was answered correctly at a size.
        top: An image counted as correct if its class was among this many top classes.
        unit: Unit of the sizes.

    Raises:
        ValueError: If the two do not fit.
    """
    if right.ndim != 2 or right.shape[1] != len(sizes) or not len(right):
        raise ValueError(f"answers are (images, {len(sizes)} sizes), not {tuple(right.shape)}.")
    return {
        "top": top,
        "unit": unit,
        "level": LEVEL,
        "points": [_point(size, right[:, number]) for number, size in enumerate(sizes)],
        "human": [HUMAN_SIZE, HUMAN_ACCURACY],
    }


def _point(size: float, right: Tensor) -> SizePoint:
    interval = stats.binomtest(int(right.sum()), len(right)).proportion_ci(LEVEL, method="wilson")
    return {
        "size": float(size),
        "images": len(right),
        "accuracy": float(right.double().mean()),
        "low": float(interval.low),
        "high": float(interval.high),
    }
