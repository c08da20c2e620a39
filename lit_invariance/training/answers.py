"""A module's answers to stacks of views, whatever mode it is in and whatever precision the Trainer has."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from lit_invariance.errors import UserError

VIEWS_AT_ONCE = 64


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode, and each of its layers back into the mode it was in."""
    modes = {layer: layer.training for layer in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for layer, mode in modes.items():
            layer.training = mode


def answers(trainer: pl.Trainer, module: pl.LightningModule, views: Tensor) -> Tensor:
    """Classify stacks of views, `VIEWS_AT_ONCE` together.

    Args:
        trainer: Whose precision is used.
        module: `(V, C, S, S) -> logits (V, K)`, or an object that holds them as `.logits`.
        views: `(N, T, C, S, S)`, what the module takes, on its device.

    Returns:
        Logits `(N, T, K)`, float32.
    """
    precision = trainer.precision_plugin
    with evaluation_mode(module), torch.no_grad():
        parts = []
        for part in precision.convert_input(views.flatten(0, 1)).split(VIEWS_AT_ONCE):
            with precision.forward_context():
                output: Any = module(part)
            parts.append(getattr(output, "logits", output).float())
    logits = torch.cat(parts)
    return logits.view(*views.shape[:2], -1)


def not_finite(
    trainer: pl.Trainer, where: str, fix: str = "lower the learning rate or lengthen its warm-up"
) -> UserError:
    """Build the error for a network that answers nan or infinity.

    Args:
        trainer: The trainer, which knows the epoch and the precision.
        where: What was shown, such as `"on the views of crop"`.
        fix: What to do about it.
    """
    when = (
        "before the first step"
        if trainer.sanity_checking
        else f"in the validation of epoch {trainer.current_epoch + 1}"
    )
    return UserError(
        f"the logits {where} are not finite {when}: the training diverged, or the precision {trainer.precision} has "
        f"too small a range; {fix}, or choose another precision."
    )
