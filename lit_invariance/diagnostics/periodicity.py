"""Which stride a network's answers betray: the spectrum of an answer's probability while the picture moves."""

from collections.abc import Callable, Iterable
from math import log2

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm  # type: ignore[import-untyped]

from lit_invariance.data.batch import Batch
from lit_invariance.diagnostics.circular_sweep import PERIOD, CircularSweep
from lit_invariance.diagnostics.shiftability import PROGRESS_AFTER, VIEWS_AT_ONCE
from lit_invariance.evaluation.statistics import Array, resample_counts
from lit_invariance.protocols import generator_for
from lit_invariance.results.diagnoses import Periodicity, StridePeak

RESAMPLES, LEVEL = 1999, 0.95
STILL = 1e-6
"""How far rounding may move a probability."""


def moves(height: int) -> tuple[int, int]:
    """Choose the moves for an input, and the longest period that is looked for.

    Args:
        height: Rows of the input.

    Returns:
        The number of moves: as many whole periods as fit into the height, 224 of 224; and the period: 32 px, or at most
        a quarter of the height, so that there are frequencies between those of strides.
    """
    period = min(PERIOD, 2 ** int(log2(max(height // 4, 2))))
    return height // period * period, period


def measure_periodicity(
    classify: Callable[[Tensor], Tensor],
    batches: Iterable[Batch],
    sweep: CircularSweep,
    *,
    seed: int = 0,
) -> Periodicity:
    """Measure how much an answer's probability goes up and down with the period of each stride.

    A network that keeps every s-th sample answers a picture that moves by s pixels as before, but not one that moves by
    less: with cyclic moves and padding its answer has exactly the period s. Other causes of change, such as content or
    the border, have none. A filter before the stride, or the choice of a phase by content, takes the period away.

    The curve of an image is the probability of the answer to the picture that is not moved. Curves without their means
    are Fourier transformed, and power is averaged over images. The height of a stride's peak is its power over the
    median of the frequencies around it, up to those of the next strides. A curve of period s that is no sine has peaks
    at s / 2 and s / 4 as well.

    Args:
        classify: Normalises views `(N, 3, S, S)` in [0, 1] and runs the network on them, on the batches' device.
        batches: Decoded images.
        sweep: The moves, with a number of positions from `moves`.
        seed: Seed of the resampling.

    Returns:
        The measurement, ready for JSON.

    Raises:
        ValueError: If there is no image.
    """
    curves = []
    for batch in tqdm(batches, desc="periodicity", delay=PROGRESS_AFTER, leave=False, disable=None):
        for image, index in zip(batch.images, batch.indices.tolist(), strict=True):
            parts = sweep.parts(image, generator_for(seed, sweep.name, index), VIEWS_AT_ONCE)
            probabilities = torch.cat([classify(views).softmax(-1) for views in parts])
            curves.append(probabilities[:, probabilities[0].argmax()].double().cpu().numpy())
    if not curves:
        raise ValueError("periodicity needs at least one image.")
    return of_curves(np.stack(curves), sweep.window[0], seed)


def of_curves(curves: Array, height: int, seed: int) -> Periodicity:
    """Find the peaks of curves.

    Args:
        curves: `(N, T)`, a probability of each image at T moves of a pixel each.
        height: Rows of the input; where the moves do not lead around the whole circle, curves are tapered (Hann).
        seed: Seed of the resampling.
    """
    images, positions = curves.shape
    powers = spectrum(curves, whole=positions == height)
    _, longest = moves(height)
    mean = powers.mean(0)
    shares = np.concatenate([counts / images for counts in resample_counts(images, seed, RESAMPLES)])
    resampled = shares @ powers
    return {
        "images": images,
        "positions": positions,
        "moving": float(curves.std(1).mean()),
        "level": LEVEL,
        "powers": mean.tolist(),
        "strides": [_peak(2**exponent, longest, mean, resampled) for exponent in range(1, int(log2(longest)) + 1)],
    }


def spectrum(curves: Array, whole: bool = True) -> Array:
    """Return the power of curves at each frequency, without their means.

    Args:
        curves: `(N, T)`.
        whole: Whether the curves close to circles; else their ends are tapered.

    Returns:
        `(N, T // 2)`: at 1, 2, .. T // 2 periods within the T samples; of a sine, a quarter of its amplitude's square.
    """
    positions = curves.shape[1]
    taper = np.ones(positions) if whole else np.hanning(positions + 1)[:-1] * (8 / 3) ** 0.5
    centred = (curves - curves.mean(1, keepdims=True)) * taper
    powers: Array = np.abs(np.fft.rfft(centred) / positions)[:, 1:] ** 2
    return powers


def _peak(stride: int, longest: int, mean: Array, resampled: Array) -> StridePeak:
    """The peak of a stride; its height is None where the curves lie still."""
    # A stride's frequencies are every `apart`-th; those between belong to none.
    apart = 2 * len(mean) // longest
    at = 2 * len(mean) // stride
    around = [k for k in range(at - apart + 1, at + apart) if k != at and 1 <= k <= len(mean)]
    heights = [_height(powers[:, at - 1], powers[:, [k - 1 for k in around]]) for powers in (mean[None], resampled)]
    tail = (1 - LEVEL) / 2
    still = mean.sum() < STILL**2
    return {
        "stride": stride,
        "power": float(mean[at - 1]),
        "height": None if still else float(heights[0][0]),
        "low": None if still else float(np.quantile(heights[1], tail)),
        "high": None if still else float(np.quantile(heights[1], 1 - tail)),
    }


def _height(power: Array, around: Array) -> Array:
    height: Array = power / np.maximum(np.median(around, axis=1), STILL**2)
    return height
