"""An exported file that has been opened, and the module that runs it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lit_invariance.errors import UserError
from lit_invariance.models.exported.description import Description

Run = Callable[[Tensor], Tensor]
Length = int | None
"""A length that a file fixes; None where any will do."""


@dataclass(frozen=True)
class ExportedFile:
    """A network in a file that says what is computed, and not by which layers.

    Attributes:
        run: From input `(N, C, H, W)`, float32 on the CPU, to logits `(N, K)` on the CPU.
        batch: The only number of pictures N that it takes; None if it takes any.
        channels: Channels C of its input; None if it takes any.
        side: Side of its input in pixels; None if it takes any.
        runs_in: The library that runs it, with its version.
        description: What the file says of itself; None unless this project exported it.
    """

    run: Run
    batch: Length
    channels: Length
    side: Length
    runs_in: str
    description: Description | None


def opened(path: object, shape: Sequence[Length], run: Run, runs_in: str, about: Description | None) -> ExportedFile:
    """Put together what a library says of a file.

    Args:
        path: The file, for the error message.
        shape: Shape of its input.
        run: As in `ExportedFile`.
        runs_in: As in `ExportedFile`.
        about: As in `ExportedFile`.

    Raises:
        UserError: If its input is no batch of square pictures.
    """
    shown = ", ".join("any" if length is None else str(length) for length in shape)
    if len(shape) != 4:
        raise UserError(f"'{path}' takes an input of shape ({shown}); it must take pictures (N, C, S, S).")
    batch, channels, height, width = shape
    if height != width:
        raise UserError(f"'{path}' takes pictures of shape ({shown}), but all views are square.")
    return ExportedFile(run, batch, channels, height, runs_in, about)


class ExportedNetwork(nn.Module):
    """An exported file as a module; it runs on the CPU, wherever its input is.

    Args:
        file: The file.
    """

    def __init__(self, file: ExportedFile) -> None:
        super().__init__()
        self.file = file

    def forward(self, inputs: Tensor) -> Tensor:
        """Classify; a file with a fixed batch is shown as many batches as it takes, the last one filled with zeros."""
        given = inputs.detach().to("cpu", torch.float32).contiguous()
        batch = self.file.batch
        if batch is None:
            return self.file.run(given).to(inputs.device)
        answers = [self.file.run(_filled(part, batch))[: len(part)] for part in torch.split(given, batch)]
        return torch.cat(answers).to(inputs.device)


def count_parameters(network: nn.Module) -> int:
    """Return the number of a network's parameters; 0 for an exported file that does not say it."""
    if isinstance(network, ExportedNetwork):
        return 0 if network.file.description is None else network.file.description.parameters
    return sum(parameter.numel() for parameter in network.parameters())


def _filled(part: Tensor, batch: int) -> Tensor:
    missing = batch - len(part)
    return torch.cat([part, part.new_zeros(missing, *part.shape[1:])]) if missing else part
