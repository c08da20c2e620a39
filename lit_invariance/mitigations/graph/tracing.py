"""Trace a network with torch.fx, remembering which module made which value."""

import copy
import operator
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Graph, Node, Proxy, Tracer
from torch.fx.node import map_arg

from lit_invariance.errors import UserError, said_by
from lit_invariance.mitigations.graph.hints import parts_to_change

# Kept whole: subclasses of torch's own layers, whose forward passes may compute with sizes.
WHOLE = (
    nn.Conv2d,
    nn.modules.batchnorm._BatchNorm,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.MaxPool2d,
    nn.AvgPool2d,
)
WHOLE_ROOMS = ("timm.layers.activations", "transformers.activations")
SIDE = 224
"""Side in pixels of the picture for which a network is traced that asks for sizes."""


@dataclass(frozen=True)
class Trace:
    """A traced network.

    Attributes:
        graph: The operations.
        layers: Every module by its qualified name.
        outputs: For a value, the names of the modules that return it, the innermost first; one entry for each call.
        owners: For a function call, the name of the module in whose forward pass it is.
        calls: How often each module runs in one forward pass.
    """

    graph: Graph
    layers: dict[str, nn.Module]
    outputs: dict[Node, list[str]]
    owners: dict[Node, str]
    calls: Counter[str]


def trace(network: nn.Module) -> Trace:
    """Trace a network without changing it.

    A forward pass that asks for sizes, as those of transformers do, is traced as it runs for a picture of `SIDE`.

    Raises:
        UserError: If torch.fx cannot trace the forward pass.
    """
    tracer = _Tracer()
    try:
        graph = tracer.trace(network)
    except Exception as error:  # a traced forward pass may fail with anything at all
        with suppress(Exception):
            return _trace_for_a_picture(network)
        raise UserError(
            f"{type(network).__name__} cannot be traced with torch.fx ({said_by(error)}); surgery needs a forward pass "
            "whose control flow does not depend on the values or sizes of its tensors; "
            f"{parts_to_change(network, _can_trace)}."
        ) from error
    return Trace(graph, dict(network.named_modules()), tracer.outputs, tracer.owners, tracer.calls)


def _trace_for_a_picture(network: nn.Module) -> Trace:
    copied = copy.deepcopy(network).eval()  # in which running it changes no statistics
    place = next(copied.parameters(), torch.empty(0))
    channels = next((layer.in_channels for layer in copied.modules() if isinstance(layer, nn.Conv2d)), 3)
    picture = torch.full((1, channels, SIDE, SIDE), 0.5, device=place.device, dtype=place.dtype)
    with torch.no_grad():
        tracer = _RunningTracer(copied, picture)
        # Called with a picture alone, its other arguments keep their defaults.
        kind = type(copied)
        copied.__class__ = type(kind.__name__, (kind,), {_RunningTracer.traced_func_name: _classify})
        graph = tracer.trace(copied)
    return Trace(graph, dict(network.named_modules()), tracer.outputs, tracer.owners, tracer.calls)


def _classify(network: nn.Module, images: Tensor) -> Any:
    return network.forward(images)


def _can_trace(part: nn.Module) -> bool:
    try:
        _Tracer().trace(part)
    except Exception:  # as above
        return False
    return True


class _Tracer(Tracer):
    def __init__(self) -> None:
        super().__init__()
        self.outputs: dict[Node, list[str]] = {}
        self.owners: dict[Node, str] = {}
        self.calls: Counter[str] = Counter({"": 1})
        self.inside = [""]

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        whole = isinstance(m, WHOLE) or type(m).__module__.startswith(WHOLE_ROOMS)
        return whole or super().is_leaf_module(m, module_qualified_name)

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        name = self.path_of_module(m)
        self.inside.append(name)
        self.calls[name] += 1
        output = super().call_module(m, forward, args, kwargs)
        self.inside.pop()
        if isinstance(output, Proxy):
            self.outputs.setdefault(output.node, []).append(name)
        return output

    def create_node(self, kind: str, *args: Any, **kwargs: Any) -> Node:
        node = super().create_node(kind, *args, **kwargs)
        self.owners[node] = self.inside[-1]
        return node


class _RunningTracer(_Tracer):
    """Knows each value for a picture, and answers questions about sizes with them.

    What depends on the contents of a tensor is refused as before. A tracer changes what modules do as long as it
    traces; so what they return is noted before.
    """

    traced_func_name = "_classify_a_picture"

    def __init__(self, network: nn.Module, picture: Tensor) -> None:
        super().__init__()
        self.picture = picture
        self.held = {**dict(network.named_parameters()), **dict(network.named_buffers())}
        self.returned: dict[str, list[Any]] = defaultdict(list)
        self.values: dict[Node, Any] = {}
        noting = [
            module.register_forward_hook(lambda _, given, answer, name=name: self.returned[name].append(answer))
            for name, module in network.named_modules()
        ]
        network(picture)
        for hook in noting:
            hook.remove()

    def create_proxy(self, kind: str, target: Any, args: Any, kwargs: Any, *rest: Any, **named: Any) -> Proxy:
        proxy: Proxy = super().create_proxy(kind, target, args, kwargs, *rest, **named)
        given, options = map_arg(proxy.node.args, self.values.get), map_arg(proxy.node.kwargs, self.values.get)
        value: Any = None
        match kind:
            case "placeholder":
                value = self.picture
            case "call_module":
                value = self.returned[target].pop(0)
            case "get_attr":
                value = self.held[target]
            case "call_method":
                value = getattr(given[0], target)(*given[1:], **options)
            case "call_function":
                value = target(*given, **options)
        self.values[proxy.node] = value
        return proxy

    def to_bool(self, obj: Proxy) -> bool:
        value = self.values[obj.node]
        return super().to_bool(obj) if isinstance(value, Tensor) else bool(value)

    def iter(self, obj: Proxy) -> Iterator[Any]:
        value = self.values[obj.node]
        return (
            super().iter(obj)
            if isinstance(value, Tensor)
            else iter([operator.getitem(obj, place) for place in range(len(value))])
        )
