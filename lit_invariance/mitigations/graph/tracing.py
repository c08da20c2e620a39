"""Trace a network with torch.fx, remembering which module made which value."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.fx import Graph, Node, Proxy, Tracer

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
WHOLE_ROOMS = ("timm.layers.activations",)


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

    Raises:
        UserError: If torch.fx cannot trace the forward pass.
    """
    tracer = _Tracer()
    try:
        graph = tracer.trace(network)
    except Exception as error:  # a traced forward pass may fail with anything at all
        raise UserError(
            f"{type(network).__name__} cannot be traced with torch.fx ({said_by(error)}); surgery needs a forward pass "
            "whose control flow does not depend on the values or sizes of its tensors; "
            f"{parts_to_change(network, _can_trace)}."
        ) from error
    return Trace(graph, dict(network.named_modules()), tracer.outputs, tracer.owners, tracer.calls)


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
