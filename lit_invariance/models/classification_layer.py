"""The layer of a network that has one output per class: found, and replaced for other classes."""

from typing import Any

from torch import nn

from lit_invariance.errors import UserError


def layers_with(network: nn.Module, outputs: int) -> list[str]:
    """Return the names of the layers that have this many outputs, in the order in which they were defined."""
    return [path for path, module in network.named_modules() if _outputs(module) == outputs]


def last_outputs(network: nn.Module) -> int | None:
    """Return the number of outputs of the linear or convolutional layer that was defined last; None without one."""
    known = [outputs for module in network.modules() if (outputs := _outputs(module)) is not None]
    return known[-1] if known else None


def renew(network: nn.Module, outputs: int, num_classes: int) -> None:
    """Replace the classification layer by a new one, in place.

    Args:
        network: The network.
        outputs: Number of its outputs.
        num_classes: Number of outputs that it shall have.

    Raises:
        UserError: If none of its layers has that number of outputs.
    """
    found = layers_with(network, outputs)
    if not found or not found[-1]:
        raise UserError(
            f"{type(network).__name__} has {outputs} outputs but no linear layer with as many, so that no new layer "
            f"with {num_classes} can be put in its place; give its factory an argument num_classes."
        )
    old: Any = network.get_submodule(found[-1])
    bias = old.bias is not None
    if isinstance(old, nn.Linear):
        new: nn.Module = nn.Linear(old.in_features, num_classes, bias)
    else:
        shape: dict[str, Any] = {name: getattr(old, name) for name in ("kernel_size", "stride", "padding", "dilation")}
        new = nn.Conv2d(old.in_channels, num_classes, bias=bias, **shape)
    network.set_submodule(found[-1], new)


def _outputs(module: nn.Module) -> int | None:
    if isinstance(module, nn.Linear):
        return module.out_features
    return module.out_channels if isinstance(module, nn.Conv2d) else None
