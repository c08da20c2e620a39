"""The measurement of a film: what every model says of every frame, and the scores of neighbouring frames."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_invariance.errors import UserError
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.protocols import ProtocolChoice
from lit_invariance.evaluation.recorder import ties
from lit_invariance.evaluation.watching import CPU, STANDARD, Watching
from lit_invariance.metrics import SCORES
from lit_invariance.metrics.embedding import embedding_cosine
from lit_invariance.results.outcomes import Answers, Outcomes

LABEL = "video"
EMBEDDING = "embedding_cosine"
PAIR_SCORES = ("accuracy", "top1_change", "mean_absolute_change")


class Track:
    """What one model says of a film, frame by frame.

    Probabilities go to a file, for which classes are worth drawing is known at the end only, and those of all classes
    of a long film would not fit into memory.

    Args:
        label: The true class of the film, if known.
        file: A new file for the probabilities.
        embedding: Whether the features of neighbouring frames are compared.
    """

    def __init__(self, label: int | None, file: Path, embedding: bool = False) -> None:
        self.label, self._file = label, file
        self.scores: dict[str, list[Tensor]] = {
            score: [] for score in PAIR_SCORES if score != "accuracy" or label is not None
        }
        self.answers: list[int] = []
        self._top: list[float] = []
        self._true: list[float] = []
        self._tied: list[bool] = []
        self._classes = 0
        self._last: Tensor | None = None
        self._last_features: Tensor | None = None
        self.cosines: list[Tensor] | None = [] if embedding else None

    def add(self, logits: Tensor, features: Tensor | None = None) -> None:
        """Take the next frames.

        Args:
            logits: `(n, K)`, float32.
            features: `(n, D)`, if the model has some and they are compared.
        """
        self.answers += logits.argmax(-1).tolist()
        self._classes = logits.shape[1]
        probabilities = logits.softmax(-1)
        self._top += probabilities.amax(-1).tolist()
        self._true += [math.nan] * len(logits) if self.label is None else probabilities[:, self.label].tolist()
        self._tied += ties(logits).tolist()
        with self._file.open("ab") as file:
            probabilities.cpu().numpy().tofile(file)
        joined = logits if self._last is None else torch.cat([self._last, logits])
        self._last = logits[-1:]
        pairs = torch.stack([joined[:-1], joined[1:]], 1)
        labels = torch.full((len(pairs),), self.label or 0, device=logits.device)
        for name, values in self.scores.items():
            values.append(SCORES[name].function(pairs, labels).cpu().double())
        if self.cosines is not None:
            self.cosines.append(self._cosines(features, len(pairs)))

    def _cosines(self, features: Tensor | None, pairs: int) -> Tensor:
        """The cosines between neighbouring frames, undefined for a model without features."""
        if features is None:
            return torch.full((pairs,), torch.nan, dtype=torch.float64)
        joined = features if self._last_features is None else torch.cat([self._last_features, features])
        self._last_features = features[-1:]
        neighbours = torch.stack([joined[:-1], joined[1:]], 1)
        return embedding_cosine(neighbours).cpu().double()

    def pair_answers(self) -> Answers:
        """Return what was said of the two frames of each pair, N pairs of T = 2 views."""
        return Answers(
            predictions=_pairs(np.array(self.answers, np.int32)),
            top_probability=_pairs(np.array(self._top, np.float32)),
            true_probability=_pairs(np.array(self._true, np.float32)),
            tied=_pairs(np.array(self._tied, np.bool_)),
        )

    def shown_classes(self, most: int) -> list[int]:
        """Return the true class, if known, and those that are the answer most often, up to `most` in all."""
        counts = np.bincount(self.answers, minlength=self._classes)
        if self.label is not None:
            counts[self.label] = len(self.answers) + 1
        order = np.argsort(-counts, kind="stable")[:most]
        return [int(output) for output in order if counts[output]]

    def probabilities(self, classes: Sequence[int]) -> NDArray[np.float32]:
        """Return the probabilities of some classes at every frame, `(frames, classes)`."""
        shape = (len(self.answers), self._classes)
        return np.array(np.memmap(self._file, np.float32, "r", shape=shape)[:, list(classes)])


class FilmMeasurement(Watching):
    """Shows the standard view of every frame to every model; run by `Trainer.predict`.

    Args:
        models: The models.
        label: The true class of the film, if known.
        scratch: An empty folder for probabilities, K x 4 bytes a frame and model.
        view: `centre_crop` with the user's options.
        device: Where the models will run.
        compiling: As in `Executor.speed_up`.
        frames: The most frames that there are, if it is known.
        embedding: Whether the features of neighbouring frames are compared.

    Attributes:
        tracks: Model name to what it says.
    """

    def __init__(
        self,
        models: Sequence[Model],
        label: int | None,
        scratch: Path,
        view: ProtocolChoice = STANDARD,
        device: torch.device = CPU,
        compiling: str = "false",
        frames: int | None = None,
        embedding: bool = False,
    ) -> None:
        super().__init__(models, view, device, compiling, frames, embedding)
        self.tracks = {
            model.name: Track(label, scratch / f"{number}.float32", embedding) for number, model in enumerate(models)
        }
        self.label = label

    def predict_step(self, frames: list[Tensor], batch_idx: int) -> Tensor:
        """Measure the next frames.

        Args:
            frames: n decoded frames, uint8 (3, H, W).
            batch_idx: The number of the batch.

        Returns:
            The number of frames; Lightning warns of a step that returns nothing.

        Raises:
            UserError: If logits are not finite.
        """
        for model, logits, features in self.answers(frames, [0] * len(frames)):
            self.tracks[model].add(logits, features)
        return torch.tensor(len(frames))

    def outcomes(self) -> Outcomes:
        """Return the scores of each pair of neighbouring frames, numbered by its first frame.

        Raises:
            UserError: If the film has no two frames.
        """
        pairs = len(next(iter(self.tracks.values())).answers) - 1
        if pairs < 1:
            raise UserError("the film has only one frame; at least two are needed.")
        columns: dict[tuple[str, str, str], NDArray[Any]] = {
            (name, LABEL, score): torch.cat(values).numpy()
            for name, track in self.tracks.items()
            for score, values in track.scores.items()
        }
        for name, track in self.tracks.items():
            if track.cosines is not None:
                columns[name, LABEL, EMBEDDING] = torch.cat(track.cosines).numpy()
        answers = {(name, LABEL): track.pair_answers() for name, track in self.tracks.items()}
        label = -1 if self.label is None else self.label
        return Outcomes(np.arange(pairs), np.full(pairs, label, np.int64), columns, answers)


def _pairs(values: NDArray[Any]) -> NDArray[Any]:
    return np.stack([values[:-1], values[1:]], 1)
