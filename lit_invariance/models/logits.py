"""Networks that answer with an object, such as those of transformers, made to answer with its logits."""

from typing import Any

from torch import nn


def answer_with_logits(network: nn.Module) -> None:
    """Let a network return the `.logits` of what it returns, in place; a tensor stays as it is.

    A hook, and no module around the network, so that its parameters keep their names.
    """
    network.register_forward_hook(_logits)


def _logits(network: nn.Module, inputs: Any, answer: Any) -> Any:
    return getattr(answer, "logits", answer)
