"""From logits to the record: scores and answers of every image, gathered batch by batch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from lit_invariance.data.source import UNLABELLED
from lit_invariance.metrics import FEATURE_SCORES, OF_NEIGHBOURS, ROW_SCORES, SCORES, Score
from lit_invariance.results.outcomes import PARTS, TIE, Answers, Cell, Column, Outcomes


@dataclass(frozen=True)
class Group:
    """The views of some images under one protocol.

    Attributes:
        labels: `(N,)`, on the logits' device; `UNLABELLED` for images whose class is not known.
        shown: For each image which of the protocol's steps its views are.
        steps: Number T of the protocol's steps.
        against_first: Whether each view is to be compared with the first one, see `Protocol.against_first`.
    """

    labels: Tensor
    shown: Sequence[range]
    steps: int
    against_first: bool = False

    @property
    def labelled(self) -> bool:
        """Whether the classes of the images are known, as they are of all images of a data set or of none."""
        return bool((self.labels != UNLABELLED).all())

    def allows(self, score: str) -> bool:
        """Tell whether a score compares views that are to be compared."""
        return not (self.against_first and score in OF_NEIGHBOURS)


@dataclass(frozen=True)
class Recorder:
    """Holds the measurements of a batch.

    Attributes:
        scores: Scores of each column, in parts.
        answers: Answers of each model under each protocol, in parts.
    """

    scores: dict[Column, list[Tensor]] = field(default_factory=dict)
    answers: dict[Cell, list[Answers]] = field(default_factory=dict)

    def add_logits(self, cell: Cell, draws: Sequence[Tensor], group: Group) -> None:
        """Score a group of images and keep the answers.

        Args:
            cell: Model and protocol.
            draws: `(V, K)` for each draw of the images' geometry: the logits of all views of all images, one after
                another. An image's score is its mean over the draws for which it is defined, its answers are those of
                the first.
            group: What they belong to.
        """
        self._score(cell, draws, group, SCORES)
        self.answers.setdefault(cell, []).append(_answers(draws[0], group))

    def add_features(self, cell: Cell, draws: Sequence[Tensor] | None, group: Group) -> None:
        """Score the features of a group of images.

        Args:
            cell: Model and protocol.
            draws: `(V, D)` for each draw, as in `add_logits`; None for a model that has no features, whose scores are
                undefined.
            group: What they belong to.
        """
        if draws is not None:
            self._score(cell, draws, group, FEATURE_SCORES)
            return
        for name, score in FEATURE_SCORES.items():
            if score.views <= group.steps and group.allows(name):
                undefined = torch.full((len(group.shown),), torch.nan, dtype=torch.float64)
                self.scores.setdefault((*cell, name), []).append(undefined)

    def _score(self, cell: Cell, draws: Sequence[Tensor], group: Group, registry: Mapping[str, Score]) -> None:
        sizes = [len(steps) for steps in group.shown]
        scored = [list(_scores(torch.split(views, sizes), group, registry)) for views in draws]
        for same in zip(*scored, strict=True):
            values = torch.stack([values.cpu().double() for values, _ in same])
            self.scores.setdefault((*cell, same[0][1]), []).append(values.nanmean(0))

    def outcomes(self, positions: Tensor, labels: Tensor, order: Sequence[Cell]) -> Outcomes:
        """Return the record, which shares no memory with the batch: a worker's would stay open as a file.

        Args:
            positions: `(N,)`, positions of the batch's images in the data set, in the order of their scores.
            labels: `(N,)`.
            order: The cells in the order of the tables.
        """
        columns = {
            (*cell, score): torch.cat(self.scores[(*cell, score)]).numpy()
            for cell in order
            for score in ROW_SCORES
            if (*cell, score) in self.scores
        }
        answers = {
            cell: Answers(*(np.concatenate([getattr(part, name) for part in self.answers[cell]]) for name in PARTS))
            for cell in order
        }
        return Outcomes(positions.cpu().numpy().copy(), labels.cpu().numpy().copy(), columns, answers)


def _scores(stacks: Sequence[Tensor], group: Group, registry: Mapping[str, Score]) -> Iterable[tuple[Tensor, str]]:
    """Score the images; together where they show equally many views."""
    if len({len(stack) for stack in stacks}) == 1:
        parts = [(torch.stack(list(stacks)), group.labels)]
    else:
        parts = list(zip((stack[None] for stack in stacks), group.labels[:, None], strict=True))
    width = stacks[0].shape[-1]
    for name, score in registry.items():
        if score.views > group.steps or score.classes > width or (score.labelled and not group.labelled):
            continue
        if not group.allows(name):
            continue
        for logits, labels in parts:
            enough = score.views <= logits.shape[1]
            yield score.function(logits, labels) if enough else torch.full((len(labels),), torch.nan), name


def _answers(logits: Tensor, group: Group) -> Answers:
    lengths = torch.tensor([len(steps) for steps in group.shown], device=logits.device)
    probabilities = logits.softmax(-1)
    labels = group.labels.repeat_interleave(lengths)
    true = probabilities.gather(1, labels[:, None])[:, 0] if group.labelled else torch.full(labels.shape, torch.nan)
    said = logits.argmax(-1), probabilities.amax(-1), true, ties(logits)
    rows = np.repeat(np.arange(len(group.shown)), lengths.cpu().numpy())
    places = np.concatenate([np.asarray(steps, dtype=np.int64) for steps in group.shown])
    size = (len(group.shown), group.steps)
    kept = Answers(
        predictions=np.full(size, -1, dtype=np.int32),
        top_probability=np.full(size, np.nan, dtype=np.float32),
        true_probability=np.full(size, np.nan, dtype=np.float32),
        tied=np.zeros(size, dtype=np.bool_),
    )
    for name, values in zip(PARTS, said, strict=True):
        getattr(kept, name)[rows, places] = values.cpu().numpy()
    return kept


def ties(logits: Tensor) -> Tensor:
    """Tell for logits `(V, K)` where the two greatest are so close that rounding decides; `(V,)`, bool."""
    if logits.shape[1] < 2:
        return torch.zeros(len(logits), dtype=torch.bool, device=logits.device)
    first, second = logits.topk(2).values.unbind(-1)
    return first - second < TIE
