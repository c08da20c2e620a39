"""What all inference wrappers have in common: an ordinary module around a network, at work in evaluation mode only."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from lit_invariance.mitigations.inference.tally import Tally
from lit_invariance.mitigations.interfaces import Classify, check_share


class InferenceWrapper(nn.Module, ABC):
    """A classifier that changes the picture before its network sees it, in evaluation mode only.

    It starts in the mode of the network. In training mode it passes pictures and logits through unchanged.

    With a `gate`, it is at work only where the network is unsure: where the margin between its two most probable
    classes, for the picture as it is, lies below the gate. An answer of a large margin rarely changes, so most of the
    stability stays, and pictures that the network is sure of are answered as without the wrapper, in one pass. A
    network that is exported or compiled takes all passes for every picture.

    Args:
        network: Anything from pictures to logits: a network that normalises its input itself, such as
            `nn.Sequential(Normalize(mean, std), resnet50())`, another wrapper, or a function.
        gate: Margin of probability, above 0 and up to 1, below which the wrapper is at work; None is always.
        views: Forward passes of the network that an answer of the wrapper takes.

    Attributes:
        network: The same.
        gate: The same.
        passes: Forward passes of the network that one picture costs in evaluation mode, at most.

    Shape:
        Pictures `(N, 3, S, S)`, float in [0, 1], to logits `(N, K)`.

    Raises:
        ValueError: If the gate is out of range.
    """

    network: Classify

    def __init__(self, network: Classify, gate: float | None = None, views: int = 1) -> None:
        super().__init__()
        self.network = network
        # Not train(), which would also reach layers of the network that were set apart from it, as frozen ones are.
        self.training = getattr(network, "training", False)
        self.gate = None if gate is None else check_share("gate", gate)
        self.passes, self._views = views + (gate is not None), views
        self._tally = Tally()

    @property
    def mean_passes(self) -> float:
        """Forward passes that one picture costs on average: with a gate, of the pictures answered so far.

        Copies of the wrapper, such as those that answer an evaluation, count with it.
        """
        if self.gate is None or not self._tally.answered:
            return float(self.passes)
        return 1 + self._views * self._tally.unsure / self._tally.answered

    def forward(self, images: Tensor) -> Tensor:
        """Classify pictures."""
        if self.training:
            return self.network(images)
        return self.answer(images) if self.gate is None else self._answer_unsure(images, self.gate)

    def _answer_unsure(self, images: Tensor, gate: float) -> Tensor:
        logits = self.network(images)
        unsure = margin(logits) < gate
        if torch.compiler.is_compiling():  # a graph has no batches of a size that depends on the pictures
            return torch.where(unsure[:, None], self.answer(images), logits)
        self._tally.add(len(unsure), int(unsure.sum()))
        if not unsure.any():
            return logits
        answers = self.answer(images[unsure])
        wider = torch.promote_types(logits.dtype, answers.dtype)  # an average is taken in float32
        return logits.to(wider).index_put((unsure,), answers.to(wider))

    @abstractmethod
    def answer(self, images: Tensor) -> Tensor:
        """Classify pictures as in evaluation mode, without a gate."""

    def _shown(self, **options: object) -> str:
        """The options in the form of a call, the gate only where there is one."""
        gate = {} if self.gate is None else {"gate": self.gate}
        return ", ".join(f"{name}={value}" for name, value in {**options, **gate}.items())


def margin(logits: Tensor) -> Tensor:
    """Return how much more probable the first class is than the second, in [0, 1].

    Args:
        logits: `(N, K)`, K at least 2; the softmax is taken in float32.

    Returns:
        `(N,)`.
    """
    first, second = logits.float().softmax(-1).topk(2).values.unbind(-1)
    return first - second
