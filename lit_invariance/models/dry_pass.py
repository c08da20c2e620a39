"""One image through a new network, so that wrong inputs are reported before anything else is done."""

import torch
from torch import Tensor, nn

from lit_invariance.errors import UserError, said_by
from lit_invariance.protocols.window import Size, in_words, sides


def see_answer(network: nn.Module, name: str, size: Size, num_classes: int, channels: int = 3) -> None:
    """Check that a network takes pictures of a size and answers with one logit per class.

    Args:
        network: The network; neither its mode nor its statistics are changed.
        name: What the user calls it, for the error message.
        size: Side S of its input in pixels, or (H, W).
        num_classes: Number of outputs K.
        channels: Channels of its input.

    Raises:
        UserError: If it refuses the size, or answers with anything else than `(N, K)` logits.
    """
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        with torch.no_grad():
            answer = network(torch.zeros(1, channels, *sides(size)))
    except Exception as error:  # a network may refuse with any type
        raise UserError(
            f"backbone {name} does not take pictures of {in_words(size)} pixels ({said_by(error)}); choose another "
            "image size, or another backbone."
        ) from error
    finally:
        for module in training:
            module.training = True
    if not isinstance(answer, Tensor) or answer.shape != (1, num_classes):
        given = f"of shape {tuple(answer.shape)}" if isinstance(answer, Tensor) else type(answer).__name__
        raise UserError(
            f"backbone {name} must return {num_classes} logits for one picture, not {given}; choose a classifier."
        )
