"""What can be done with a strided operation, as values: each says what it does, and does it when it is applied.

The layers that an action puts in are made beforehand, so that nothing is left to fail once the first is applied.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn
from torch.fx import Graph, Node

from lit_invariance.mitigations.graph.change import Change
from lit_invariance.mitigations.graph.hooks import put_before, put_behind, replace
from lit_invariance.mitigations.graph.pooled import Pooled
from lit_invariance.mitigations.graph.rewriting import with_layer


@dataclass(frozen=True)
class Leave:
    """The operation stays as it is."""

    change: Change

    def apply(self, network: nn.Module) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Densify:
    """A convolution passes its stride, or a part of it, to filters before or after layers.

    Attributes:
        change: What the report says.
        layer: Name of the convolution.
        kept: The stride it keeps, in rows and columns.
        before: The filters that layers of these names read through.
        behind: The filters that the results of layers of these names are read through.
    """

    change: Change
    layer: str
    kept: tuple[int, int]
    before: Mapping[str, nn.Module]
    behind: Mapping[str, nn.Module]

    def apply(self, network: nn.Module) -> None:
        """Change the stride, and put the filters in."""
        network.get_submodule(self.layer).stride = self.kept  # type: ignore[assignment]  # torch knows Tensor | Module
        for name, added in self.before.items():
            put_before(network.get_submodule(name), added)
        for name, added in self.behind.items():
            put_behind(network.get_submodule(name), added)


@dataclass(frozen=True)
class ReplacePool:
    """A pool becomes dense and is followed by a filter.

    Attributes:
        change: What the report says.
        layer: Name of the pool.
        pooled: What takes its place.
    """

    change: Change
    layer: str
    pooled: Pooled

    def apply(self, network: nn.Module) -> None:
        """Exchange the layer."""
        replace(network, network.get_submodule(self.layer), self.pooled)


@dataclass(frozen=True)
class ReplaceCall:
    """A pool that is a function call, or a slice, becomes a layer in a module whose forward pass is rewritten.

    Attributes:
        change: What the report says.
        owner: Name of the module in whose forward pass the call is.
        graph: That forward pass, which all calls of one module share.
        call: The call in it.
        pooled: What takes its place.
    """

    change: Change
    owner: str
    graph: Graph
    call: Node
    pooled: Pooled

    def apply(self, network: nn.Module) -> None:
        """Exchange the module."""
        owner, name = network.get_submodule(self.owner), self.change.place.rpartition(".")[2]
        replace(network, owner, with_layer(owner, self.graph, self.call, name, self.pooled))


Action = Leave | Densify | ReplacePool | ReplaceCall
# Filters hang on layers, so that layers and whole modules are exchanged before filters are put in.
ORDER: tuple[type[Action], ...] = (ReplaceCall, ReplacePool, Densify, Leave)
