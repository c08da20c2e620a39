"""Which strided operations of a network must keep the same samples, because their results meet."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn
from torch.fx import Node

from lit_invariance.mitigations.graph.strided_ops import Strided
from lit_invariance.mitigations.graph.tracing import Trace

# What comes out has no positions, or none that samples of another map could be matched with.
GLOBAL_LAYERS = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Flatten)
GLOBAL_CALLS = {F.adaptive_avg_pool2d, F.adaptive_max_pool2d, torch.flatten}
GLOBAL_METHODS = {"flatten", "size"}
REDUCING_CALLS = {torch.mean, torch.sum, torch.amax}  # global over rows and columns, not over channels
REDUCING_METHODS = {"mean", "sum", "amax"}


@dataclass
class Lattice:
    """The places of the network's input that the samples of a map belong to.

    Attributes:
        before: The lattice that was subsampled; None for the input's own.
        stride: Step of the subsampling, in rows and columns.
        members: Names of the strided operations that make it, in the order of the forward pass.
        same: The lattice this one turned out to be, once their maps have met.
    """

    before: "Lattice | None" = None
    stride: tuple[int, int] = (1, 1)
    members: list[str] = field(default_factory=list)
    same: "Lattice | None" = None

    def found(self) -> "Lattice":
        """The lattice that represents all equal ones."""
        return self if self.same is None else self.same.found()


def lattices_of(traced: Trace, places: list[Strided]) -> list[Lattice]:
    """Follow the samples through a network.

    Maps that enter one operation together, as the branches of an addition, lie on the same lattice; so do, step by
    step, the maps they were subsampled from. Where they were subsampled in different steps, as the queries and keys of
    an attention that reduces its keys, the lattices stay apart.

    Args:
        traced: The network.
        places: Its strided operations.

    Returns:
        The lattices that are made by subsampling, in the order of the forward pass.
    """
    strides = {place.name: place.stride for place in places}
    lattices: dict[Node, Lattice | None] = {}
    made: list[Lattice] = []
    for node in traced.graph.nodes:
        name = _name(node, traced)
        inputs = [found for source in node.all_input_nodes if (found := lattices[source]) is not None]
        for other in inputs[1:]:
            _unite(inputs[0], other)
        lattice = Lattice() if node.op == "placeholder" else next(iter(inputs), None)
        if lattice is not None and name in strides:
            lattice = Lattice(lattice, strides[name], [name])
            made.append(lattice)
        lattices[node] = None if _is_global(node, traced) else lattice
    assert len(made) == len(places), "every strided operation is met once"
    order = list(strides)
    for lattice in made:
        lattice.members.sort(key=order.index)
    return [lattice for lattice in made if lattice.same is None]


def _name(node: Node, traced: Trace) -> str:
    """The name by which `strided_places` knows an operation."""
    if node.op == "call_module":
        return str(node.target)
    return ".".join(filter(None, (traced.owners.get(node), node.name)))


def _unite(one: Lattice, other: Lattice) -> bool:
    one, other = one.found(), other.found()
    if one is other:
        return True
    if one.before is None or other.before is None or one.stride != other.stride:
        return False
    if not _unite(one.before, other.before):
        return False
    one.members += other.members
    other.same = one
    return True


def _is_global(node: Node, traced: Trace) -> bool:
    if node.op == "call_module":
        return isinstance(traced.layers[str(node.target)], GLOBAL_LAYERS)
    is_function = node.op == "call_function"
    if node.target in (REDUCING_CALLS if is_function else REDUCING_METHODS):
        dims = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
        return dims is None or {-2, -1} <= {dim - 4 if dim > 1 else dim for dim in _integers(dims)}
    return node.target in (GLOBAL_CALLS if is_function else GLOBAL_METHODS)


def _integers(dims: object) -> list[int]:
    return [dim for dim in (dims if isinstance(dims, tuple | list) else (dims,)) if isinstance(dim, int)]
