"""Replace function calls in a module's forward pass by layers, which surgery can exchange."""

from dataclasses import dataclass

from torch import nn
from torch.fx import Graph, GraphModule, Node, Tracer


class _OneLevel(Tracer):
    """Sees the calls of a module's own forward pass; its children stay whole."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


@dataclass(frozen=True)
class Forward:
    """The forward pass of a module.

    Attributes:
        kind: The module's class.
        graph: Its operations; None where a rewritten module could differ from it.
    """

    kind: str
    graph: Graph | None

    def at(self, position: int) -> tuple[Graph, Node]:
        """The operations, and the function or method call of that number, from 0."""
        assert self.graph is not None
        return self.graph, own_calls(self.graph)[position]


def own_calls(graph: Graph) -> list[Node]:
    """The calls of functions and methods, in their order."""
    return [node for node in graph.nodes if node.op in {"call_function", "call_method"}]


def forward_of(module: nn.Module, expected: tuple[object, ...]) -> Forward:
    """Read the forward pass of a module.

    Args:
        module: It is not changed.
        expected: What `own_calls` of the traced network found in this module: the targets of the calls.

    Returns:
        The pass, without its operations where one could not be sure that a rewritten module does the same: its course
        depends on the training mode or on arguments, or hooks or keys of the state dict would be lost.
    """
    kind = type(module).__name__
    graph, other = _trace(module, training=True), _trace(module, training=False)
    if graph is None or other is None or module._forward_hooks or module._forward_pre_hooks:
        return Forward(kind, None)
    same_course = graph.python_code("self").src == other.python_code("self").src
    same_calls = tuple(call.target for call in own_calls(graph)) == expected
    if not same_course or not same_calls:
        return Forward(kind, None)
    same_keys = list(GraphModule(module, graph).state_dict()) == list(module.state_dict())
    return Forward(kind, graph if same_keys else None)


def with_layer(module: nn.Module, graph: Graph, call: Node, name: str, layer: nn.Module) -> nn.Module:
    """A module that does the same, with one of its function calls made by a layer.

    Args:
        module: The module as it is now; its children are shared, not copied.
        graph: Its forward pass, which is changed.
        call: The call in it; the layer gets its first argument.
        name: What the layer is called in the module.
        layer: What takes the call over.

    Returns:
        The new module, with the same keys in the state dict and those of the layer.
    """
    twin = GraphModule(module, graph, type(module).__name__)
    twin.add_module(name, layer)
    with graph.inserting_before(call):
        call.replace_all_uses_with(graph.call_module(name, (_input(call),)))
    graph.erase_node(call)
    twin.recompile()
    twin.training = module.training
    return twin


def _trace(module: nn.Module, training: bool) -> Graph | None:
    mode = module.training
    module.training = training
    try:
        return _OneLevel().trace(module)
    except Exception:  # a traced forward pass may fail with anything at all
        return None
    finally:
        module.training = mode


def _input(call: Node) -> Node:
    value = call.args[0] if call.args else call.kwargs["input"]
    assert isinstance(value, Node)
    return value
