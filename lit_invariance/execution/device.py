"""Where a network is."""

import torch
from torch import nn


def device_of(network: nn.Module) -> torch.device:
    """Return the device of a network's tensors; the CPU for one without any.

    Args:
        network: Any module.
    """
    return next((tensor.device for tensor in (*network.parameters(), *network.buffers())), torch.device("cpu"))
