"""Compiling a network for batches of one size."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

MODULES_A_SECOND, SECONDS = 6.0, 4.0
"""Compiling takes about `SECONDS`, and one more for so many layers: 9 s for MobileNetV2 on two
cores of an Intel Xeon (2.5 GHz); for other networks it is an estimate."""
GAIN = 0.15
"""Share of the time that compiling saves at least where it saves any: .19 for MobileNetV2, .14 for ResNet50."""

MOST_OF_A_CLASS = 1000
"""More networks than a process ever compiles."""


def compiled(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """Let PyTorch's inductor compile a network, with its weights frozen, when it is called for the first time.

    On CUDA its kernels become one graph. Every size of batch is compiled for itself.

    Args:
        network: In evaluation mode; its weights must not change any more.
    """
    on_gpu = any(tensor.is_cuda for tensor in network.parameters())
    options: dict[str, Any] = {"freezing": True, "triton.cudagraphs": on_gpu}
    return torch.compile(network, dynamic=False, options=options)


@contextmanager
def frozen() -> Iterator[None]:
    """Make the context in which the first call must happen, for the weights to be taken as constants.

    PyTorch compiles eight networks of one class and runs further ones as they are; here it goes on.
    """
    import torch._dynamo.config as dynamo
    import torch._inductor.config as inductor

    limit = "recompile_limit" if hasattr(dynamo, "recompile_limit") else "cache_size_limit"  # its name in torch 2.6
    with inductor.patch(freezing=True), dynamo.patch({limit: MOST_OF_A_CLASS}):
        yield


def pays(network: nn.Module, seconds: float) -> bool:
    """Judge whether compiling a network saves more time than it takes.

    Args:
        network: The network.
        seconds: What the whole work will take without.
    """
    layers = sum(1 for layer in network.modules() if not list(layer.children()) and list(layer.parameters(False)))
    return GAIN * seconds > SECONDS + layers / MODULES_A_SECOND
