"""A second network of the same weights, so that what is done to it, or in it, leaves the first one alone."""

import copy
from typing import Any, TypeVar

from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def replica(network: Network) -> Network:
    """Copy a network but for its weights, which both share until one of them is moved to another device.

    Layers, hooks and whatever a layer remembers between two passes are the copy's own. A Lightning trainer that the
    network is attached to is not copied.

    Args:
        network: It is not changed.

    Returns:
        The copy; its parameters want no gradient.

    Raises:
        Exception: Whatever a part of the network raises that cannot be copied.
    """
    memo: dict[int, Any] = {}
    for tensor in network.parameters():
        memo[id(tensor)] = nn.Parameter(tensor.data, requires_grad=False)
    for buffer in network.buffers():
        memo[id(buffer)] = buffer.data
    for part in network.modules():
        trainer = part.__dict__.get("_trainer")
        memo[id(trainer)] = trainer
    return copy.deepcopy(network, memo)
