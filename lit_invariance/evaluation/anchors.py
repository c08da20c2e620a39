"""The measurement of the frames around anchors: which of them every model answers rightly."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_invariance.data.anchored_films import AnchoredFilms, Frame
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.protocols import ProtocolChoice
from lit_invariance.evaluation.recorder import ties
from lit_invariance.evaluation.watching import CPU, STANDARD, Watching
from lit_invariance.metrics.embedding import embedding_cosine
from lit_invariance.metrics.scores import ANCHOR_SCORES
from lit_invariance.results.outcomes import Answers, Outcomes


class AnchorTrack:
    """What one model says of the frames around each anchor.

    Args:
        anchors: Number of anchors N.
        reach: Frames before and after an anchor, k.
        embedding: Whether the features of neighbouring frames are compared.
    """

    def __init__(self, anchors: int, reach: int, embedding: bool = False) -> None:
        self.embedding = embedding
        self._before: dict[int, tuple[int, Tensor]] = {}
        self._cosines: dict[int, list[float]] = {}
        shape = (anchors, 2 * reach + 1)
        self.answers = Answers(
            predictions=np.full(shape, -1, np.int32),
            top_probability=np.full(shape, np.nan, np.float32),
            true_probability=np.full(shape, np.nan, np.float32),
            tied=np.zeros(shape, np.bool_),
        )
        self.right = np.zeros(shape, np.bool_)

    def add(self, row: int, view: int, logits: Tensor, labels: Sequence[int]) -> None:
        """Take the answer to a frame.

        Args:
            row: The anchor's.
            view: The frame's place among the 2k + 1.
            logits: `(C,)`, of the classes.
            labels: Those that are right.
        """
        answer, probabilities = int(logits.argmax()), logits.softmax(-1)
        self.answers.predictions[row, view] = answer
        self.answers.top_probability[row, view] = float(probabilities.max())
        self.answers.true_probability[row, view] = float(probabilities[list(labels)].max())
        self.answers.tied[row, view] = bool(ties(logits[None]))
        self.right[row, view] = answer in labels

    def compare(self, row: int, view: int, features: Tensor) -> None:
        """Take the features of a frame, which come in the order of time.

        Args:
            row: The anchor's.
            view: The frame's place among the 2k + 1.
            features: `(D,)`.
        """
        before, last = self._before.get(row, (-1, features))
        self._before[row] = view, features
        if before >= 0 and before == view - 1:
            cosine = embedding_cosine(torch.stack([last, features])[None])
            self._cosines.setdefault(row, []).append(float(cosine))

    def _of_features(self) -> dict[str, NDArray[np.float64]]:
        rows = [self._cosines.get(row, [np.nan]) for row in range(len(self.right))]
        return {
            "embedding_cosine": np.array([np.mean(cosines) for cosines in rows]),
            "embedding_worst": np.array([np.min(cosines) for cosines in rows]),
        }

    def scores(self) -> dict[str, NDArray[np.float64]]:
        """Return each score of each anchor, `(N,)`."""
        counted = self.answers.predictions >= 0
        changed = np.diff(self.answers.predictions, axis=1) != 0
        right, shown = torch.from_numpy(self.right), torch.from_numpy(counted)
        return {
            "accuracy": _share(self.right, counted),
            "top1_change": _share(changed, counted[:, 1:] & counted[:, :-1]),
            **{name: score.function(right, shown).double().numpy() for name, score in ANCHOR_SCORES.items()},
            **(self._of_features() if self.embedding else {}),
        }


class AnchorMeasurement(Watching):
    """Shows the frames around anchors to every model; run by `Trainer.predict`.

    Args:
        models: The models.
        films: The films with their anchors.
        numbers: Label to the number of its class.
        outputs: The outputs that stand for each class; None where each stands for itself.
        view: `centre_crop` with the user's options.
        device: Where the models will run.
        compiling: As in `Executor.speed_up`.
        embedding: Whether the features of neighbouring frames are compared.

    Attributes:
        tracks: Model name to what it says.
    """

    def __init__(
        self,
        models: Sequence[Model],
        films: AnchoredFilms,
        numbers: Mapping[str, int],
        outputs: Sequence[Sequence[int]] | None,
        view: ProtocolChoice = STANDARD,
        device: torch.device = CPU,
        compiling: str = "false",
        embedding: bool = False,
    ) -> None:
        super().__init__(models, view, device, compiling, len(films.anchors) * (2 * films.reach + 1), embedding)
        self.films, self.numbers, self.outputs = films, numbers, outputs
        self.tracks = {model.name: AnchorTrack(len(films.anchors), films.reach, embedding) for model in models}

    def predict_step(self, frames: list[Frame], batch_idx: int) -> Tensor:
        """Measure the next frames.

        Args:
            frames: n decoded frames.
            batch_idx: The number of the batch.

        Returns:
            The number of frames; Lightning warns of a step that returns nothing.

        Raises:
            UserError: If logits are not finite.
        """
        places = [list(self.films.places(frame.film, frame.number)) for frame in frames]
        films = [frame.film for frame in frames]
        for model, logits, features in self.answers([frame.pixels for frame in frames], films):
            said = logits if self.outputs is None else of_classes(logits, self.outputs)
            for number, (own, counts) in enumerate(zip(said.cpu(), places, strict=True)):
                for row, offset, labels in counts:
                    view, right = offset + self.films.reach, [self.numbers[label] for label in labels]
                    self.tracks[model].add(row, view, own, right)
                    if features is not None:
                        self.tracks[model].compare(row, view, features[number].cpu())
        return torch.tensor(len(frames))

    def outcomes(self) -> Outcomes:
        """Return the scores of each anchor, in the order of the table; its label is the first of those that are right.

        The answers are those to the frames from k before it to k after it; a frame that does not count holds -1.
        """
        anchors, label = self.films.anchors, self._label
        scores = {name: track.scores() for name, track in self.tracks.items()}
        columns: dict[tuple[str, str, str], NDArray[Any]] = {
            (model, label, score): values for model, own in scores.items() for score, values in own.items()
        }
        answers = {(model, label): track.answers for model, track in self.tracks.items()}
        labels = np.array([self.numbers[anchor.labels[0]] for anchor in anchors], np.int64)
        return Outcomes(np.arange(len(anchors)), labels, columns, answers)

    @property
    def _label(self) -> str:
        return label_of(self.films.reach)


def label_of(reach: int) -> str:
    """Return what the results call the protocol, with k in it."""
    return f"vid_robust(k={reach})"


def of_classes(logits: Tensor, outputs: Sequence[Sequence[int]]) -> Tensor:
    """Give each class the greatest logit of the outputs that stand for it.

    Args:
        logits: `(n, K)`.
        outputs: For each of the C classes its outputs.

    Returns:
        `(n, C)`.
    """
    return torch.stack([logits[:, list(own)].amax(1) for own in outputs], 1)


def _share(happened: NDArray[np.bool_], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The share of what counts in which it happened, for each row; nan where nothing counts."""
    times, of = (happened & counted).sum(1).astype(np.float64), counted.sum(1).astype(np.float64)
    return np.asarray(np.divide(times, of, out=np.full_like(times, np.nan), where=of > 0))
