"""Change what convolutions and pools read beyond the border of a map, in place."""

import torch
import torch.nn.functional as F
from torch import nn

from lit_invariance.errors import UserError
from lit_invariance.mitigations.graph.border import Windowed, has_border, surround
from lit_invariance.mitigations.graph.change import Change, layer_kind
from lit_invariance.mitigations.graph.tracing import trace
from lit_invariance.mitigations.ops.windows import Windows, pair
from lit_invariance.mitigations.surgery.adaptive_blur import AdaptiveBlur2d
from lit_invariance.mitigations.surgery.blurpool import BlurPool2d

CONSTANT_PADS = (nn.ZeroPad2d, nn.ConstantPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d, nn.CircularPad2d)
PADDING_CALLS = {F.pad, F.conv2d, torch.conv2d, F.max_pool2d, F.avg_pool2d}


def circular_padding(network: nn.Module) -> list[Change]:
    """Extend every map of a network circularly, from its opposite border, in place.

    A convolution of stride 1 on such maps is the circular convolution, y[n] = sum over k of w[k] x[(n + k) mod H]: a
    cyclic shift of its input is a cyclic shift of its output, exactly. Nothing enters at the border, so the remaining
    instability of a network comes only from its strides (Chaman & Dokmanic, CVPR 2021, section 4.1, arXiv 2011.14214).

    Convolutions, max pools, average pools and the filters of `blurpool` are changed. Where a margin is larger than the
    map, the map is repeated as often as it takes. Parameters and state-dict keys are unchanged.

    Args:
        network: Any network; function calls are looked for where torch.fx can trace it.

    Returns:
        One entry for every layer with a border, in the network's order, and one for each that was left.

    Raises:
        UserError: If nothing is there to change.
    """
    return _pad(network, "circular")


def reflect_padding(network: nn.Module) -> list[Change]:
    """Extend every map of a network by mirroring at its border, in place.

    The mirror does not repeat the border: x[-n] = x[n]. The maps have no edge of zeros, from which a network can learn
    the position of an object in the frame (Alsallakh et al., "Mind the pad", ICLR 2021, arXiv 2010.02178).

    Convolutions, average pools and the filters of `blurpool` are changed; a max pool ignores its border already. Where
    a margin is not smaller than the map, as on the small maps of a network for CIFAR, the map is mirrored as often as
    it takes, and a map of one sample repeats it. Parameters and state-dict keys are unchanged.

    Args:
        network: Any network; function calls are looked for where torch.fx can trace it.

    Returns:
        One entry for every layer with a border, in the network's order, and one for each that was left.

    Raises:
        UserError: If nothing is there to change.
    """
    return _pad(network, "reflect")


def _pad(network: nn.Module, mode: str) -> list[Change]:
    changes = []
    for name, layer in list(network.named_modules()):
        change = _change(name, layer, mode)
        if change is not None:
            changes.append(change)
    if not any(change.changed for change in changes):
        raise UserError(f"{mode}_padding finds nothing to change in {type(network).__name__}: no layer has a border.")
    return changes + _calls(network)


def _change(name: str, layer: nn.Module, mode: str) -> Change | None:
    """Change one layer and say so; None where there is nothing to say."""
    if isinstance(layer, BlurPool2d | AdaptiveBlur2d):
        before, layer.padding = layer.padding, mode
        return Change(name, True, f"{type(layer).__name__}, padding {before} -> {mode}")
    reason = _reason_to_leave(layer)
    if reason:
        return Change(name, False, reason)
    if not isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) or not _feels_border(layer, mode):
        return None
    before = surround(layer, mode)
    return Change(name, True, f"{layer_kind(layer)}, padding {before} -> {mode}")


def _reason_to_leave(layer: nn.Module) -> str:
    if isinstance(layer, CONSTANT_PADS):
        return f"{type(layer).__name__}, a layer that only pads"
    if not isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        return ""
    if type(layer) not in (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d) or getattr(layer, "return_indices", False):
        return f"{type(layer).__name__}({layer.extra_repr()}), which may pad in its own way"
    if layer.padding == "same" and any(reach % 2 for reach in _reaches(layer)):
        return f"a convolution of kernel {layer.kernel_size}, whose padding 'same' is uneven"
    return ""


def _reaches(conv: Windowed) -> list[int]:
    dilation = pair(getattr(conv, "dilation", 1))
    return [step * (size - 1) for step, size in zip(dilation, pair(conv.kernel_size), strict=True)]


def _feels_border(layer: Windowed, mode: str) -> bool:
    if has_border(layer):
        return True
    if isinstance(layer, nn.MaxPool2d) and mode == "reflect":  # what is mirrored lies in the window already
        return False
    windows = Windows.of(layer)
    return any(windows.padding) or windows.ceil_mode


def _calls(network: nn.Module) -> list[Change]:
    """The function calls that pad, which no change of layers reaches."""
    try:
        traced = trace(network)
    except UserError as error:
        return [Change(type(network).__name__, False, f"function calls, which were not examined: {error}")]
    padding = [node for node in traced.graph.nodes if node.op == "call_function" and node.target in PADDING_CALLS]
    return [Change(node.name, False, f"a call of {node.target.__name__}, which may pad") for node in padding]
