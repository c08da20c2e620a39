"""Function calls and slices that keep every s-th sample, and the layers that do the same."""

import operator

import torch
import torch.nn.functional as F
from torch import nn
from torch.fx import Node

from lit_invariance.mitigations.ops.windows import Pair, pair

# Calls that a layer can replace, with the layer and the names of the call's arguments.
POOLING_CALLS: dict[object, type[nn.MaxPool2d | nn.AvgPool2d]] = {
    F.max_pool2d: nn.MaxPool2d,
    F.avg_pool2d: nn.AvgPool2d,
}
MAX_POOL_ARGUMENTS = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
AVERAGE_POOL_ARGUMENTS = ("input", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
CONVOLUTION_CALLS = {F.conv2d, torch.conv2d}


def stride_of_call(node: Node) -> Pair:
    """Step between kept samples of a pool, convolution or slice, in rows and columns; 1 for anything else."""
    if node.target is operator.getitem:
        return known_steps(tuple(part.step or 1 for part in spatial_slices(node)))
    if node.target in POOLING_CALLS:
        options = _pooling_options(node)
        return known_steps(options.get("stride") or options["kernel_size"])
    if node.target in CONVOLUTION_CALLS:
        return known_steps(node.args[3] if len(node.args) > 3 else node.kwargs.get("stride", 1))
    return 1, 1


def spatial_slices(node: Node) -> tuple[slice, ...]:
    """The slices of rows and columns in an index like `maps[:, :, ::2, ::2]`."""
    index = node.args[1]
    if not isinstance(index, tuple) or index[:-2] not in ((slice(None), slice(None)), (Ellipsis,)):
        return ()
    spatial = tuple(part for part in index[-2:] if isinstance(part, slice) and isinstance(part.step, int | None))
    return spatial if len(spatial) == 2 else ()


def _pooling_options(node: Node) -> dict[str, object]:
    names = MAX_POOL_ARGUMENTS if node.target is F.max_pool2d else AVERAGE_POOL_ARGUMENTS
    return {**dict(zip(names, node.args, strict=False)), **node.kwargs}


def as_layer(node: Node) -> nn.Module | None:
    """The pooling layer that does what a function call or a slice does; None if there is none."""
    if node.target is operator.getitem:
        from_start = all(part.start is None and part.stop is None for part in spatial_slices(node))
        return nn.AvgPool2d(1, stride_of_call(node)) if from_start else None
    if node.target not in POOLING_CALLS:
        return None
    options = {name: value for name, value in _pooling_options(node).items() if name != "input" and value is not None}
    if any(isinstance(value, Node) for value in options.values()):
        return None
    try:
        return POOLING_CALLS[node.target](**options)  # type: ignore[arg-type]
    except TypeError:  # an argument that the layer does not know
        return None


def known_steps(value: object) -> Pair:
    """Read a stride as torch's layers and calls state it; 1 where a traced call computes it."""
    parts = tuple(value) if isinstance(value, tuple | list) else (value,)
    return pair(parts) if parts and all(isinstance(part, int) for part in parts) else (1, 1)
