"""Put a downsampling layer before or after a layer, without renaming anything in the network.

The added layer becomes a child of the layer it serves and runs in a forward hook. So any class of layer can be served,
parameters keep their names, and the network stays an ordinary module that copies, pickles, compiles and exports.
"""

from torch import Tensor, nn

from lit_invariance.mitigations.graph.pooled import Pooled

BEFORE, BEHIND = "downsampling_before", "downsampling_behind"


def put_before(layer: nn.Module, added: nn.Module) -> None:
    """Make a layer read its first input through another layer."""
    layer.add_module(BEFORE, added)
    layer.register_forward_pre_hook(_through_before)


def put_behind(layer: nn.Module, added: nn.Module) -> None:
    """Make everything that reads a layer's output read it through another layer."""
    layer.add_module(BEHIND, added)
    if type(layer).forward is not nn.Sequential.forward:  # which runs its last child anyway
        layer.register_forward_hook(_through_behind)


def replace(network: nn.Module, old: nn.Module, new: nn.Module) -> None:
    """Replace a layer everywhere: one registered under two names would otherwise change on one path only."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if child is old:
                setattr(parent, name, new)


def is_antialiased(network: nn.Module) -> bool:
    """Whether this was already done for any layer of a network."""
    return any(isinstance(layer, Pooled) or {BEFORE, BEHIND} & layer._modules.keys() for layer in network.modules())


def _through_before(layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return layer.get_submodule(BEFORE)(inputs[0]), *inputs[1:]


def _through_behind(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    return layer.get_submodule(BEHIND)(output)  # type: ignore[no-any-return]
