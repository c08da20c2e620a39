"""Arithmetic in which models are compared: float32 without TF32."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

EXACT = "32-true"
PRECISIONS = (EXACT, "bf16-mixed", "16-mixed")
Switch = tuple[Any, str, str | bool]


@contextmanager
def exact_float32() -> Iterator[None]:
    """Switch TF32 off in matrix products and convolutions, and back to what it was.

    TF32 keeps ten bits of the mantissa and is PyTorch's default in cuDNN convolutions; rounding of that order moves
    arg-maxes by about as much as is to be measured.
    """
    switches = _switches()
    before = [getattr(module, name) for module, name, _ in switches]
    for module, name, exact in switches:
        setattr(module, name, exact)
    try:
        yield
    finally:
        for (module, name, _), value in zip(switches, before, strict=True):
            setattr(module, name, value)


def _switches() -> list[Switch]:
    """Return which settings to change; releases with the newer interface warn about the older one."""
    product: Any = torch.backends.cuda.matmul
    cudnn: Any = torch.backends.cudnn
    if hasattr(cudnn, "conv"):
        return [(part, "fp32_precision", "ieee") for part in (product, cudnn.conv, cudnn.rnn)]
    return [(part, "allow_tf32", False) for part in (product, cudnn)]
