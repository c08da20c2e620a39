"""Give the function calls in a module's forward pass layers of their own, which surgery can exchange."""

from collections.abc import Mapping

from torch import nn
from torch.fx import Graph, GraphModule, Node, Tracer


class _OneLevel(Tracer):
    """Sees the calls of a module's own forward pass; its children stay whole."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def own_calls(graph: Graph) -> list[Node]:
    """The calls of functions and methods, in their order."""
    return [node for node in graph.nodes if node.op in {"call_function", "call_method"}]


def rewritten(
    module: nn.Module, expected: tuple[object, ...], exchange: Mapping[int, tuple[str, nn.Module]]
) -> nn.Module | None:
    """A module that does the same, with some of its function calls made by layers.

    Args:
        module: Whose forward pass is rewritten; its children are shared, not copied.
        expected: What `own_calls` of the traced network found in this module: the targets of the calls.
        exchange: For the position of a call in that list, the name and the layer that take over its first argument.

    Returns:
        The new module, with the same keys in the state dict; None where one could not be sure that it does the same,
        because the course of the forward pass hangs on the training mode or on arguments, or hooks would be lost.
    """
    graph, other = _trace(module, training=True), _trace(module, training=False)
    if graph is None or other is None or module._forward_hooks or module._forward_pre_hooks:
        return None
    calls = own_calls(graph)
    if (
        graph.python_code("self").src != other.python_code("self").src
        or tuple(call.target for call in calls) != expected
    ):
        return None
    twin = GraphModule(module, graph, type(module).__name__)
    for position, (name, layer) in exchange.items():
        call = calls[position]
        twin.add_module(name, layer)
        with graph.inserting_before(call):
            call.replace_all_uses_with(graph.call_module(name, (_input(call),)))
        graph.erase_node(call)
    twin.recompile()
    twin.training = module.training
    return twin if list(twin.state_dict()) == list(module.state_dict()) else None


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
