"""Scores of a set of images, resampled over images as means are: each resample has its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lit_invariance.evaluation.blocks import block_starts
from lit_invariance.evaluation.statistics import RESAMPLES, Array, Bootstrap, ratio, resample_counts
from lit_invariance.metrics import OF_NEIGHBOURS, SET_SCORES, SetScore
from lit_invariance.results.outcomes import Column, Outcomes
from lit_invariance.results.schema import ProtocolEntry

if TYPE_CHECKING:
    from scipy.sparse import csr_array

TOGETHER = 512  # resamples whose feature means are held at once


@dataclass(frozen=True)
class SetColumn:
    """A score of the whole set, of one model under one protocol.

    Attributes:
        column: Model, protocol and score.
        score: The score.
        features: `(N, F)`, see `SetScore`.
        counts: `(N,)`, how much each row counts: 0 for an image for which the score is undefined.
    """

    column: Column
    score: SetScore
    features: "csr_array"
    counts: Array

    @property
    def means(self) -> Array:
        """Means of the features, `(F,)`; nan where no image counts."""
        sums = self.features.T @ self.counts
        return ratio(sums, np.full(len(sums), self.counts.sum()))

    @property
    def value(self) -> float:
        """The score; nan where it is undefined."""
        return float(self.score.value(self.means[None])[0])

    @property
    def pulls(self) -> Array:
        """How far each image pulls the score its way, `(N,)`; their mean over the images that count is 0."""
        means = self.means
        slope = self.score.slope(means)
        return np.where(self.counts > 0, self.features @ slope - np.nan_to_num(means) @ slope, 0.0)

    @property
    def stand_ins(self) -> Array:
        """A number for each image whose mean over images is the score, `(N,)`: the score and the image's pull on it.

        Paired tests take them as per-image values: the infinitesimal jackknife (Efron, "The Jackknife, the Bootstrap
        and Other Resampling Plans", 1982, chapter 6). nan where an image does not count.
        """
        return np.where(self.counts > 0, self.value + self.pulls, np.nan)

    def resampled(self, counts: Array) -> Array:
        """Return the score in b resamples, `(b,)`, from how often each image occurs in them, `(N, b)`."""
        sums = self.features.T.tocsr() @ (self.counts[:, None] * counts)
        return self.score.value(ratio(sums, np.broadcast_to(self.counts @ counts, sums.shape)).T)


def set_columns(
    outcomes: Outcomes, protocols: Sequence[ProtocolEntry], labelled: bool, block: int | None = None
) -> list[SetColumn]:
    """Find the scores of the set that the answers allow.

    Args:
        outcomes: The answers, which are those of the first draw of each image's geometry.
        protocols: What was shown.
        labelled: Whether the classes of the pictures are known.
        block: Neighbouring rows that are resampled together, as in `in_blocks`; None where single ones are.

    Returns:
        Models and protocols in the order of the answers, and the scores in their own.
    """
    entries = {entry["label"]: entry for entry in protocols}
    found = []
    for (model, protocol), answers in outcomes.answers.items():
        reference = entries[protocol].get("reference")
        for name, score in SET_SCORES.items():
            apart = entries[protocol].get("against_first", False) and name in OF_NEIGHBOURS
            if apart or not score.measurable(answers.predictions.shape[1], labelled, reference):
                continue
            features, counted = score.features(answers.predictions, outcomes.labels, reference)
            counts = counted.astype(np.float64)
            if block is not None:
                features, counts = _in_blocks(features, counts, block)
            found.append(SetColumn((model, protocol, name), score, features, counts))
    return found


def _in_blocks(features: "csr_array", counts: Array, length: int) -> tuple["csr_array", Array]:
    """Features of blocks of rows, and how much each block counts."""
    from scipy.sparse import csr_array

    starts, _ = block_starts(len(counts), length)
    rows = np.arange(len(counts))
    block_of = np.searchsorted(starts, rows, side="right") - 1
    counted = np.add.reduceat(counts, starts)
    shares = counts / np.maximum(counted, 1)[block_of]
    return csr_array(csr_array((shares, (block_of, rows)), (len(starts), len(rows))) @ features), counted


def bootstrap_sets(columns: Sequence[SetColumn], seed: int, resamples: int = RESAMPLES) -> Bootstrap:
    """Resample images and compute every score of the set anew, in the very resamples that `bootstrap` draws.

    Args:
        columns: V scores of the same images, at least one.
        seed: Seed of the resampling.
        resamples: Number of resamples B.

    Returns:
        The scores in place of means; an image's influence is its pull.
    """
    images = len(columns[0].counts)
    resampled = np.empty((resamples, len(columns)))
    row = 0
    for counts in resample_counts(images, seed, resamples):
        for start in range(0, len(counts), TOGETHER):
            some = np.ascontiguousarray(counts[start : start + TOGETHER].T)
            for place, column in enumerate(columns):
                resampled[row : row + some.shape[1], place] = column.resampled(some)
            row += some.shape[1]
    return Bootstrap(
        np.array([column.value for column in columns]),
        resampled,
        np.stack([column.pulls * ratio(column.counts, np.full(images, column.counts.mean())) for column in columns], 1),
        np.array([float(np.count_nonzero(column.counts)) for column in columns]),
    )
