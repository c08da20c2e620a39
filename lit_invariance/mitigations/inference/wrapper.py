"""What all inference wrappers have in common: an ordinary module around a network, at work in evaluation mode only."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from lit_invariance.mitigations.interfaces import Classify


class InferenceWrapper(nn.Module, ABC):
    """A classifier that changes the picture before its network sees it, in evaluation mode only.

    It starts in the mode of the network. In training mode it passes pictures and logits through unchanged.

    Args:
        network: Anything from pictures to logits: a network that normalises its input itself, such as
            `nn.Sequential(Normalize(mean, std), resnet50())`, another wrapper, or a function.

    Attributes:
        network: The same.
        passes: Forward passes of the network that one picture costs in evaluation mode, at most.

    Shape:
        Pictures `(N, 3, S, S)`, float in [0, 1], to logits `(N, K)`.
    """

    network: Classify
    passes = 1

    def __init__(self, network: Classify) -> None:
        super().__init__()
        self.network = network
        # Not train(), which would also reach layers of the network that were set apart from it, as frozen ones are.
        self.training = getattr(network, "training", False)

    @property
    def mean_passes(self) -> float:
        """Forward passes that one picture costs on average, where that depends on the pictures."""
        return float(self.passes)

    def forward(self, images: Tensor) -> Tensor:
        """Classify pictures."""
        return self.network(images) if self.training else self.answer(images)

    @abstractmethod
    def answer(self, images: Tensor) -> Tensor:
        """Classify pictures as in evaluation mode."""
