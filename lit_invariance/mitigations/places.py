"""Find, with torch.fx, where a network subsamples and which layers read the result."""

import operator
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.fx import Graph, Node, Tracer

from lit_invariance.errors import UserError

# Layers and functions that treat every position alike, so that a blur may move past them to the next layer.
POINTWISE_ROOMS = {"torch.nn.modules.activation", "torch.nn.modules.batchnorm", "torch.nn.modules.dropout"}
POINTWISE_CALLS = {F.relu, F.relu6, F.leaky_relu, F.silu, F.gelu, F.hardswish, F.dropout, torch.relu, torch.sigmoid}
POINTWISE_METHODS = {"relu", "relu_", "sigmoid", "contiguous"}
STRIDE_POSITION: dict[object, int] = {F.max_pool2d: 2, F.avg_pool2d: 2, F.conv2d: 3, torch.conv2d: 3}
WINDOW_STRIDES = {F.max_pool2d, F.avg_pool2d}  # without a stride, they step by their window


@dataclass(frozen=True)
class Strided:
    """An operation that keeps fewer samples than it reads.

    Attributes:
        name: Qualified name of the layer, or the traced name of a function call.
        layer: The layer; None for a function call.
        readers: Names of the layers that read its output, past activations and normalisation; empty where anything
            else reads it, too: an addition, a concatenation, the output.
        calls: How often the network runs this layer in one forward pass.
        first: Whether no convolution comes before it, as with the stem.
    """

    name: str
    layer: nn.Module | None
    readers: tuple[str, ...]
    calls: int
    first: bool


def strided_places(network: nn.Module) -> list[Strided]:
    """List every strided operation of a network, in the order of its forward pass.

    Args:
        network: Any module that torch.fx can trace; it is not changed.

    Returns:
        The operations with a stride above one; transposed convolutions, which add samples, are left out.

    Raises:
        UserError: If the forward pass cannot be traced.
    """
    graph, layers = _trace(network), dict(network.named_modules())
    calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
    return [
        Strided(
            name=str(node.target) if node.op == "call_module" else node.name,
            layer=layers[str(node.target)] if node.op == "call_module" else None,
            readers=_readers(node, layers, calls),
            calls=calls[node.target] if node.op == "call_module" else 1,
            first=not any(_is_convolution(before, layers) for before in _ancestors(node)),
        )
        for node in graph.nodes
        if _is_strided(node, layers)
    ]


def _trace(network: nn.Module) -> Graph:
    try:
        return Tracer().trace(network)
    except Exception as error:  # a traced forward pass may fail with anything at all
        reason = str(error).strip().split("\n", 1)[0] or type(error).__name__
        raise UserError(
            f"{type(network).__name__} cannot be traced with torch.fx ({reason}); surgery needs a forward pass "
            "whose course does not depend on the values or sizes of its tensors."
        ) from error


def _is_strided(node: Node, layers: dict[str, nn.Module]) -> bool:
    if node.op == "call_function":
        return _is_strided_call(node)
    if node.op != "call_module" or isinstance(layers[str(node.target)], nn.modules.conv._ConvTransposeNd):
        return False
    stride = getattr(layers[str(node.target)], "stride", 1)
    return any(step > 1 for step in (stride if isinstance(stride, tuple | list) else [stride]))


def _is_strided_call(node: Node) -> bool:
    if node.target is operator.getitem:
        index = node.args[1] if isinstance(node.args[1], tuple) else ()
        return any(isinstance(part, slice) and part.step not in (None, 1) for part in index)
    if node.target not in STRIDE_POSITION:
        return False
    position = STRIDE_POSITION[node.target]
    stride = node.args[position] if len(node.args) > position else node.kwargs.get("stride")
    if stride in (None, [], ()) and node.target in WINDOW_STRIDES:
        stride = node.args[1] if len(node.args) > 1 else node.kwargs.get("kernel_size")
    return stride not in (None, 1, (1,), (1, 1), [1], [1, 1])


def _readers(node: Node, layers: dict[str, nn.Module], calls: Counter[object]) -> tuple[str, ...]:
    found = list(dict.fromkeys(_next_operations(node, layers)))
    if all(reader.op == "call_module" and calls[reader.target] == 1 for reader in found):
        return tuple(str(reader.target) for reader in found)
    return ()


def _next_operations(node: Node, layers: dict[str, nn.Module]) -> Iterator[Node]:
    for user in node.users:
        if _is_pointwise(user, layers):
            yield from _next_operations(user, layers)
        else:
            yield user


def _is_pointwise(node: Node, layers: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        layer = layers[str(node.target)]
        return isinstance(layer, nn.Identity) or type(layer).__module__ in POINTWISE_ROOMS
    return (node.op == "call_function" and node.target in POINTWISE_CALLS) or (
        node.op == "call_method" and node.target in POINTWISE_METHODS
    )


def _is_convolution(node: Node, layers: dict[str, nn.Module]) -> bool:
    return node.op == "call_module" and isinstance(layers[str(node.target)], nn.Conv2d)


def _ancestors(node: Node) -> set[Node]:
    seen: set[Node] = set()
    waiting = list(node.all_input_nodes)
    while waiting:
        before = waiting.pop()
        if before not in seen:
            seen.add(before)
            waiting.extend(before.all_input_nodes)
    return seen
