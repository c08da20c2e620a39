"""Find, with torch.fx, where a network subsamples, and where a filter could be placed after each such operation."""

import operator
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.fx import Node

from lit_invariance.mitigations.graph.rewriting import own_calls
from lit_invariance.mitigations.graph.strided_calls import (
    POOLING_CALLS,
    as_layer,
    known_steps,
    spatial_slices,
    stride_of_call,
)
from lit_invariance.mitigations.graph.tracing import Trace, trace

# Layers and functions that treat every position alike, so that a filter may move past them towards the next layer.
NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)  # timm's subclasses of them also activate
ACTIVATION_ROOMS = ("torch.nn.modules.activation", "timm.layers.activations", "transformers.activations")
SILENT = (nn.Identity, nn.Dropout, nn.Dropout2d)
ACTIVATING_CALLS = {
    F.relu,
    F.relu6,
    F.leaky_relu,
    F.elu,
    F.silu,
    F.gelu,
    F.mish,
    F.hardswish,
    torch.relu,
    torch.sigmoid,
}
ACTIVATING_METHODS = {"relu", "relu_", "sigmoid"}
SILENT_CALLS = {F.dropout, F.batch_norm}
SILENT_METHODS = {"contiguous"}
CONCATENATIONS = {torch.cat, torch.concat}
SUMS_AND_PRODUCTS = {operator.add, operator.iadd, operator.mul, operator.imul, torch.add, torch.mul}
KEEP_CHANNELS = {*POOLING_CALLS, *SUMS_AND_PRODUCTS}


@dataclass(frozen=True)
class Call:
    """A function call in the forward pass of a module.

    Attributes:
        owner: Name of the module; empty for the network itself.
        position: Which of the module's function and method calls it is, from 0.
        targets: What all of them call.
    """

    owner: str
    position: int
    targets: tuple[object, ...]


@dataclass(frozen=True)
class Strided:
    """An operation that keeps fewer samples than it reads.

    Attributes:
        name: Qualified name of the layer, or the traced name of a function call behind that of its module.
        layer: The layer; for a function call the layer that does the same, or None if there is none.
        call: Position of the function call; None for a layer.
        stride: Step between kept samples, in rows and columns.
        cumulative: How many samples of the network's input lie between two of the result, in rows and columns.
        channels: Number of channels of the result; None if it is not known.
        chain: Modules whose output a filter behind this operation could take, the last first: past normalisation and
            activation as long as nothing else reads what lies between.
        complete: Whether the first of them is the last pointwise layer in front of the readers.
        activated: Whether an activation lies between this operation and the layers that read it.
        readers: Names of the layers that read its output, past activations and normalisation; empty where anything
            else reads it: an addition, a concatenation, the output.
        calls: How often the network runs this layer in one forward pass.
        first: Whether no convolution comes before it, as with the stem.
    """

    name: str
    layer: nn.Module | None
    call: Call | None
    stride: tuple[int, int]
    cumulative: tuple[int, int]
    channels: int | None
    chain: tuple[str, ...]
    complete: bool
    activated: bool
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
    return places_of(trace(network))


def places_of(traced: Trace) -> list[Strided]:
    """List every strided operation of a network that is traced already, see `strided_places`."""
    return _Reading(traced).places()


class _Reading:
    """The traced network with the values that are looked up in it repeatedly."""

    def __init__(self, traced: Trace) -> None:
        self.graph, self.layers, self.outputs, self.owners = traced.graph, traced.layers, traced.outputs, traced.owners
        self.calls = traced.calls

    def places(self) -> list[Strided]:
        cumulative: dict[Node, tuple[int, int]] = {}
        after_convolution: set[Node] = set()
        found = []
        for node in self.graph.nodes:
            inputs = node.all_input_nodes
            step = self.stride(node)
            rows, columns = (max((cumulative[source][axis] for source in inputs), default=1) for axis in (0, 1))
            cumulative[node] = _times(rows, step[0]), _times(columns, step[1])
            first = not any(source in after_convolution for source in inputs)
            if not first or isinstance(self.layer(node), nn.Conv2d):
                after_convolution.add(node)
            if max(step) > 1:
                found.append(self.place(node, (int(step[0]), int(step[1])), cumulative[node], first))
        return found

    def place(self, node: Node, stride: tuple[int, int], cumulative: tuple[int, int], first: bool) -> Strided:
        is_layer = node.op == "call_module"
        chain = list(self.chain(node))
        modules = [name for link in reversed(chain) for name in self.usable(link)]
        goes_on = any(self.is_pointwise(user) for user in chain[-1].users)
        return Strided(
            name=str(node.target) if is_layer else ".".join(filter(None, (self.owners[node], node.name))),
            layer=self.layer(node) if is_layer else as_layer(node),
            call=None if is_layer else self.call(node),
            stride=stride,
            cumulative=cumulative,
            channels=self.channels(node),
            chain=tuple(modules),
            complete=bool(self.usable(chain[-1])) and not goes_on,
            activated=any(self.activates(link) for link in chain[1:]),
            readers=self.readers(node),
            calls=self.calls[str(node.target) if is_layer else self.owners[node]],
            first=first,
        )

    def call(self, node: Node) -> Call:
        owner = self.owners[node]
        calls = [call for call in own_calls(self.graph) if self.owners[call] == owner]
        return Call(owner, calls.index(node), tuple(call.target for call in calls))

    def layer(self, node: Node) -> nn.Module | None:
        return self.layers[str(node.target)] if node.op == "call_module" else None

    def stride(self, node: Node) -> tuple[float, float]:
        layer = self.layer(node)
        if layer is None:
            return stride_of_call(node) if node.op == "call_function" else (1, 1)
        if isinstance(layer, nn.Upsample) and layer.scale_factor is not None:
            rows, columns = layer.scale_factor if isinstance(layer.scale_factor, tuple) else (layer.scale_factor,) * 2
            return 1 / rows, 1 / columns
        step = getattr(layer, "stride", 1)
        steps = known_steps(layer.kernel_size if step is None else step)  # some pools then step by their window
        return (1 / steps[0], 1 / steps[1]) if isinstance(layer, nn.modules.conv._ConvTransposeNd) else steps

    def chain(self, node: Node) -> Iterator[Node]:
        """The operation and what follows as long as it is pointwise and alone."""
        yield node
        users = list(node.users)
        if len(users) == 1 and self.is_pointwise(users[0]):
            yield from self.chain(users[0])

    def usable(self, node: Node) -> list[str]:
        """The modules that return this value and that the network runs once."""
        return [name for name in self.outputs.get(node, []) if self.calls[name] == 1]

    def readers(self, node: Node) -> tuple[str, ...]:
        found = list(dict.fromkeys(self.next_operations(node)))
        if all(isinstance(self.layer(user), nn.Conv2d | nn.MaxPool2d) and user.args for user in found) and all(
            self.calls[str(user.target)] == 1 for user in found
        ):
            return tuple(str(user.target) for user in found)
        return ()

    def next_operations(self, node: Node) -> Iterator[Node]:
        for user in node.users:
            if self.is_pointwise(user):
                yield from self.next_operations(user)
            else:
                yield user

    def is_pointwise(self, node: Node) -> bool:
        silent = isinstance(self.layer(node), (*NORMS, *SILENT)) or (
            (node.op == "call_function" and node.target in SILENT_CALLS)
            or (node.op == "call_method" and node.target in SILENT_METHODS)
        )
        return silent or self.activates(node)

    def activates(self, node: Node) -> bool:
        layer = self.layer(node)
        if layer is not None:
            inner = [layer, *layer.children()] if isinstance(layer, NORMS) else [layer]
            return any(type(part).__module__.startswith(ACTIVATION_ROOMS) for part in inner)
        return (node.op == "call_function" and node.target in ACTIVATING_CALLS) or (
            node.op == "call_method" and node.target in ACTIVATING_METHODS
        )

    def channels(self, node: Node) -> int | None:
        """From the layers before the place, or else from the first convolution behind it."""
        before = self.channels_before(node)
        if before is not None:
            return before
        behind = (self.layer(user) for user in self.next_operations(node))
        return next((layer.in_channels for layer in behind if isinstance(layer, nn.Conv2d)), None)

    def channels_before(self, node: Node) -> int | None:
        layer = self.layer(node)
        for attribute in ("out_channels", "num_features"):
            if isinstance(known := getattr(layer, attribute, None), int):
                return known
        inputs = (self.channels_before(source) for source in node.all_input_nodes)
        if node.op == "call_function" and node.target in CONCATENATIONS:
            parts = list(inputs)
            return None if None in parts else sum(filter(None, parts))
        if node.target is operator.getitem and isinstance(node.args[1], int):
            return _size_of_part(node.args[0])
        keeps = node.target in KEEP_CHANNELS or (node.target is operator.getitem and spatial_slices(node))
        if keeps or isinstance(layer, nn.MaxPool2d | nn.AvgPool2d) or self.is_pointwise(node):
            return next((count for count in inputs if count is not None), None)
        return None


def _size_of_part(whole: object) -> int | None:
    size = whole.args[1] if isinstance(whole, Node) and whole.target is torch.split else None
    return size if isinstance(size, int) else None


def _times(before: int, step: float) -> int:
    return max(1, round(before * step))
