"""What to do where surgery finds nothing it could change in a network."""

from collections.abc import Callable

from torch import nn

from lit_invariance.mitigations.ops.windows import pair

ATTENTION = "Attention"
WINDOWED = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)
ALIGN = "use the wrapper content_align, which takes any network"


def other_ways(network: nn.Module) -> str:
    """Return what helps a network in place of surgery; empty for one that is no transformer."""
    if any(ATTENTION in type(layer).__name__ for layer in network.modules()):
        return f"; for a transformer, {ALIGN}"
    return ""


def parts_to_change(network: nn.Module, can_trace: Callable[[nn.Module], bool]) -> str:
    """Return what helps a network that cannot be traced: a part of it that can be, or another mitigation.

    Args:
        network: The network.
        can_trace: Whether a part can be traced.
    """
    if transformer := other_ways(network):
        return transformer.removeprefix("; ")
    waiting = list(network.named_children())
    while waiting:  # the largest parts first
        name, part = waiting.pop(0)
        if not any(isinstance(layer, WINDOWED) and max(pair(layer.stride)) > 1 for layer in part.modules()):
            continue
        if not isinstance(part, WINDOWED) and can_trace(part):
            return f"change a part of it, such as li.antialias(network.{name}, stem=True), or {ALIGN}"
        waiting += [(f"{name}.{inner}", module) for inner, module in part.named_children()]
    return ALIGN
