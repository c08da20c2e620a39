"""A user's own network, in the form that an evaluation needs."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lit_invariance.errors import UserError, said_by
from lit_invariance.execution.device import device_of
from lit_invariance.mitigations.inference.wrapper import InferenceWrapper
from lit_invariance.models.grey import as_channels
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.protocols.window import sides

Function = Callable[[Tensor], Any]


class OwnNetwork(nn.Module):
    """Takes pictures in [0, 1], prepares them as the network expects, and returns its logits.

    Inference wrappers see the pictures as they are: what prepares them works on the network inside.

    Args:
        network: A module, or any function, that turns its input `(N, 3, S, S)` into logits `(N, K)` or an object that
            holds them as `.logits`.
        preprocessing: Side of the input, its interpolation and normalisation.
        prepare: Turns pictures `(N, 3, S, S)`, float in [0, 1], into the network's input; without it they are
            normalised as `preprocessing` says.

    Attributes:
        backbone: The network without wrappers; of a function, a module that calls it.
        passes: Forward passes that one picture costs.
    """

    def __init__(
        self, network: nn.Module | Function, preprocessing: Preprocessing, prepare: Function | None = None
    ) -> None:
        super().__init__()
        normalise = prepare or Normalise(preprocessing)
        self.preprocessing = preprocessing
        self.image_size, self.mean = preprocessing.size, preprocessing.mean
        self.passes, inner = 1, network
        while isinstance(inner, InferenceWrapper):
            self.passes, inner = self.passes * inner.passes, inner.network
        self.backbone = inner if isinstance(inner, nn.Module) else Called(inner)
        self.network = _around(network, lambda _: Prepared(normalise, self.backbone))

    def forward(self, images: Tensor) -> Tensor:
        """Classify pictures `(N, 3, S, S)`, float in [0, 1]; returns logits `(N, K)`."""
        logits: Tensor = self.network(images)
        return logits

    def once(self, images: Tensor) -> Tensor:
        """Classify as `forward` in a single pass, without inference wrappers."""
        inner: nn.Module | Function = self.network
        while isinstance(inner, InferenceWrapper):
            inner = inner.network
        logits: Tensor = inner(images)
        return logits

    @torch.no_grad()
    def outputs(self, name: str) -> int:
        """Classify one grey picture, to check that the network accepts its input.

        Args:
            name: What the user calls it, for the error message.

        Returns:
            The number of outputs K.

        Raises:
            UserError: If it refuses its input, or returns anything other than logits `(N, K)`.
        """
        shape, device = (1, 3, *sides(self.image_size)), device_of(self)
        try:
            logits = self.to(device)(torch.full(shape, 0.5, device=device))
        except Exception as error:  # a network may refuse with any type
            raise UserError(
                f"model {name} does not take a batch of pictures {shape}, float in [0, 1] ({said_by(error)}); set "
                "image_size= to the size it expects, and preprocessing= to what turns such pictures into its input."
            ) from error
        if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != 1 or not logits.is_floating_point():
            given = f"shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else f"type {type(logits).__name__}"
            raise UserError(
                f"model {name} must return logits (1, K), or an object that has .logits, for one picture, not {given}."
            )
        return logits.shape[1]


@contextmanager
def borrowed(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode, and restore its modes and device afterwards."""
    modes, home = [(part, part.training) for part in module.modules()], device_of(module)
    module.eval()
    try:
        yield
    finally:
        module.to(home)
        for part, training in modes:
            part.training = training


class Called(nn.Module):
    """A function as a module.

    Args:
        function: From input to logits.
    """

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, inputs: Tensor) -> Any:
        """Call the function."""
        return self.function(inputs)


class Normalise(nn.Module):
    """Turns pictures `(N, 3, H, W)` in [0, 1] into `(picture - mean) / std`; with one mean, grey ones `(N, 1, H, W)`.

    Args:
        preprocessing: Holds mean and std.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        for name, values in zip(("mean", "std"), preprocessing.scale, strict=True):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Normalise."""
        return (as_channels(images, len(self.mean)) - self.mean) / self.std


class Prepared(nn.Module):
    """A network with what prepares its input, and logits in place of an object that holds them.

    Args:
        prepare: From pictures to input.
        network: From input to logits.
    """

    def __init__(self, prepare: Function, network: nn.Module) -> None:
        super().__init__()
        self.prepare, self.network = prepare, network

    def forward(self, images: Tensor) -> Tensor:
        """Classify."""
        answer = self.network(self.prepare(images))
        logits: Tensor = getattr(answer, "logits", answer)
        return logits


def _around(network: nn.Module | Function, make: Callable[[Any], nn.Module]) -> nn.Module:
    """Replace the innermost network of a chain of wrappers, without changing the chain itself."""
    if not isinstance(network, InferenceWrapper):
        return make(network)
    outer = copy.copy(network)
    outer._modules = dict(network._modules)  # which the copy would share
    outer.network = _around(network.network, make)
    return outer
