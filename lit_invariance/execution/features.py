"""A classifier that gives its penultimate features along with its logits, out of the same pass."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class WithFeatures(nn.Module):
    """A network with the direction of its features behind its logits, in one tensor, as an executor takes it.

    The features are the input of the classification layers, all of them side by side; of a convolution, or of a layer
    that sees tokens, the mean over positions. They are of length 1, or 0 where all of them are zero.

    Args:
        network: From pictures to logits `(N, K)`, in one pass; hooks are left on its layers, so give a copy.
        layers: Layers of it that have one output per class, each run once in a pass.

    Shape:
        Pictures `(N, 3, S, S)` to `(N, K + D)`, float32.
    """

    def __init__(self, network: nn.Module, layers: list[nn.Module]) -> None:
        super().__init__()
        self.network = network
        self.taps = [Tap(layer) for layer in layers]

    def forward(self, images: Tensor) -> Tensor:
        """Classify pictures."""
        for tap in self.taps:
            tap.seen = []  # of a pass that an error ended
        logits: Tensor = self.network(images)
        features = torch.cat([tap.taken().float() for tap in self.taps], 1)
        return torch.cat([logits.float(), F.normalize(features, dim=1)], 1)


class Tap:
    """Holds what a layer was given last.

    Args:
        layer: A linear layer or a convolution.
    """

    def __init__(self, layer: nn.Module) -> None:
        self.convolution = isinstance(layer, nn.Conv2d)
        self.seen: list[Tensor] = []
        layer.register_forward_pre_hook(self)

    def __call__(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Take the input of the layer, as a hook."""
        self.seen.append(inputs[0])

    def taken(self) -> Tensor:
        """Hand the features out, `(N, D)`, once.

        Raises:
            ValueError: If the layer was not run once.
        """
        (features,), self.seen = self.seen, []
        if self.convolution:
            return features.flatten(2).mean(2)
        return features.flatten(1, -2).mean(1) if features.ndim > 2 else features
