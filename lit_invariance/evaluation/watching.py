"""The LightningModule that shows the frames of films to every model, in the order of time."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from lit_invariance.errors import UserError
from lit_invariance.evaluation.embedding import tell_undefined
from lit_invariance.evaluation.executors import make_executor
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.protocols import ProtocolChoice
from lit_invariance.mitigations.inference.temporal_average import ExponentialMean
from lit_invariance.protocols import CentreCrop, Protocol, views_of

CPU = torch.device("cpu")
STANDARD = ProtocolChoice(CentreCrop.name, {})


class Watching(pl.LightningModule):
    """Shows the standard view of frames to every model; a subclass keeps what they answer.

    Args:
        models: The models.
        view: `centre_crop` with the user's options.
        device: Where the models will run.
        compiling: As in `Executor.speed_up`.
        frames: The most frames that there are, if it is known.
        embedding: Whether features are wanted behind the logits of models that have some.

    Attributes:
        executors: Model name to what runs it.
    """

    def __init__(
        self,
        models: Sequence[Model],
        view: ProtocolChoice = STANDARD,
        device: torch.device = CPU,
        compiling: str = "false",
        frames: int | None = None,
        embedding: bool = False,
    ) -> None:
        super().__init__()
        self.executors = {model.name: make_executor(model, device, embedding) for model in models}
        if embedding:
            tell_undefined(models, list(self.executors.values()))
        self.networks = nn.ModuleList(self.executors.values())
        self.compiling, self.frames = compiling, frames or 0
        self.averages = {model.name: ExponentialMean(model.delay) for model in models if model.delay is not None}
        self._film = -1
        self.sharing: dict[Protocol, list[Model]] = {}
        for model in models:
            protocol = view.build(model.classifier.preprocessing)
            self.sharing.setdefault(protocol, []).append(model)

    def on_predict_start(self) -> None:
        """Make the networks ready, now that they are on their device."""
        for name, executor in self.executors.items():
            executor.open(1, self.trainer.precision_plugin.forward_context)
            executor.speed_up(self.compiling, self.frames, name)

    def answers(self, frames: Sequence[Tensor], films: Sequence[int]) -> Iterator[tuple[str, Tensor, Tensor | None]]:
        """Show the next frames, in the order of time.

        Args:
            frames: n decoded frames, uint8 (3, H, W).
            films: The number of each frame's film.

        Yields:
            Each model's name; its logits `(n, K)`, where answers are averaged over time those of the average; and its
            features `(n, D)`, if it has some and they are wanted.

        Raises:
            UserError: If logits are not finite.
        """
        numbers, before = torch.arange(len(frames)), self._film
        self._film = films[-1]
        for protocol, models in self.sharing.items():
            views = views_of(protocol, list(frames), numbers, seed=0)[:, 0]
            for model in models:
                executor = self.executors[model.name]
                answered: Tensor = executor(views)
                if not answered.isfinite().all():
                    raise UserError(
                        f"model {model.name} gives logits that are not finite on the film; its training diverged, or "
                        "the precision is too low for it."
                    )
                outputs = answered.shape[1] - executor.features
                logits = self._in_time(model.name, answered[:, :outputs], films, before)
                yield model.name, logits, answered[:, outputs:] if executor.features else None

    def _in_time(self, model: str, logits: Tensor, films: Sequence[int], film: int) -> Tensor:
        """Average over time, from the first frame of each film on.

        Here, and not in the network, since only here frames are in order: an executor fills batches up with zeros,
        tries its network out on pictures of its own, and may run copies of it side by side.
        """
        if model not in self.averages:
            return logits
        average, means = self.averages[model], []
        for own, rows in groupby(zip(films, logits, strict=True), key=itemgetter(0)):
            if own != film:
                average.reset()
            means.append(average(torch.stack([row for _, row in rows])))
            film = own
        return torch.cat(means)
