"""Anti-alias a network in place: every stride that can be moved goes behind a low-pass filter."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from lit_invariance.errors import UserError
from lit_invariance.mitigations.blurpool import BlurConv2d, BlurPool2d
from lit_invariance.mitigations.places import Strided, strided_places


@dataclass(frozen=True)
class Change:
    """What surgery did at one strided operation.

    Attributes:
        place: Qualified name of the layer, or the traced name of a function call.
        changed: False where the operation was left as it is.
        what: What was done, or why nothing was.
    """

    place: str
    changed: bool
    what: str

    def __str__(self) -> str:
        """One line of the list a user reads."""
        return f"{self.place}: {self.what}" if self.changed else f"{self.place}: left alone, {self.what}"


def antialias(network: nn.Module, taps: int = 4, padding: str = "reflect", stem: bool = False) -> list[Change]:
    """Put a low-pass filter in front of every stride of a network, in place (Zhang 2019, ICML, arXiv 1904.11486).

    A strided convolution becomes dense and the convolutions that read it, past its activation, blur with its stride
    first. A strided 1x1 convolution without such a reader, as on a shortcut, blurs first itself. A max pool becomes
    dense with a blur behind it; an average pool becomes a blur. Torchvision's residual networks get the 2x2 max pool
    of the published anti-aliased ones. Parameters and state-dict keys are unchanged: a plain checkpoint loads strictly
    into the changed network and back. Logits equal those of the published networks with the same parameters.

    Args:
        network: Any network torch.fx can trace. Equality is tested for torchvision's ResNet, ResNeXt, WideResNet, VGG
            and MobileNetV2 families.
        taps: Filter size in samples, 2 to 7.
        padding: How a map goes on outside: `reflect`, `replicate`, `circular` or `zero`.
        stem: Whether to include the first convolution, which then runs at full resolution and costs `stride ** 2`
            times as much.

    Returns:
        One entry for every strided operation, in the order of the forward pass: what was done, or why it was left.

    Raises:
        UserError: If an option is out of range, the network cannot be traced, it is anti-aliased already, or it has
            nothing to change.
    """

    def blur(stride: int) -> BlurPool2d:
        return BlurPool2d(taps, stride, padding).to(device)

    kind = type(network).__name__
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    blur(1)  # refuses bad options before anything else is said
    if any(isinstance(layer, BlurPool2d) for layer in network.modules()):
        raise UserError(f"{kind} is anti-aliased already; name blurpool once.")
    plan = _Plan(network, stem)
    changes = [_decide(place, plan) for place in strided_places(network)]
    if not any(change.changed for change in changes):
        left = "; ".join(map(str, changes)) or "it has no strided operation"
        raise UserError(f"blurpool finds nothing to change in {kind}: {left}.")
    for name in {**plan.blur_before, **plan.unstride}:
        _replace(network, plan.layers[name], _mitigated(name, plan, blur))
    return changes


class _Plan:
    """Everything to change, so that a network is changed whole or not at all.

    `blur_before` maps a layer to the stride of the blur in front of it, `unstride` a layer to the stride it loses.
    """

    def __init__(self, network: nn.Module, stem: bool) -> None:
        self.layers, self.stem = dict(network.named_modules()), stem
        self.blur_before: dict[str, int] = {}
        self.unstride: dict[str, int] = {}
        # The published anti-aliased ResNets pool over 2x2, torchvision's over 3x3; other families keep their window.
        self.residual = any(isinstance(layer, BasicBlock | Bottleneck) for layer in network.modules())


def _decide(place: Strided, plan: _Plan) -> Change:
    leave = partial(Change, place.name, False)
    layer = place.layer
    if layer is None:
        return leave("a function call and no layer that could be exchanged")
    stride = _single(layer.stride)  # type: ignore[arg-type]  # torch types attributes of a Module as Tensor | Module
    if stride is None:
        return leave("its strides differ between rows and columns")
    if place.calls > 1:
        return leave("the network runs it more than once")
    if type(layer) is nn.Conv2d:
        return _decide_convolution(place, layer, stride, plan)
    if type(layer) is nn.MaxPool2d and not layer.ceil_mode and not layer.return_indices:
        plan.unstride[place.name] = stride
        window = "over 2x2 " if plan.residual else ""
        return Change(place.name, True, f"max pool, stride {stride} -> 1 {window}with a blur of stride {stride} behind")
    if type(layer) is nn.AvgPool2d and stride == 2:
        plan.unstride[place.name] = stride
        return Change(place.name, True, f"average pool, stride {stride} -> blur of stride {stride}")
    return leave(f"{type(layer).__name__}({layer.extra_repr()}) is not handled")


def _decide_convolution(place: Strided, conv: nn.Conv2d, stride: int, plan: _Plan) -> Change:
    size = "x".join(map(str, conv.kernel_size))
    if place.first and not plan.stem:
        return Change(place.name, False, "the stem convolution, which the option `stem` includes")
    if place.readers and all(type(plan.layers[name]) in (nn.Conv2d, nn.MaxPool2d) for name in place.readers):
        blurred = place.readers
    elif conv.kernel_size == (1, 1) and conv.padding == (0, 0) and place.name not in plan.blur_before:
        blurred = (place.name,)
    else:
        return Change(place.name, False, f"a {size} convolution whose output is not read by convolutions alone")
    plan.unstride[place.name] = stride
    plan.blur_before.update(dict.fromkeys(blurred, stride))
    where = "itself" if blurred == (place.name,) else ", ".join(blurred)
    return Change(place.name, True, f"{size} convolution, stride {stride} -> 1, blur of stride {stride} before {where}")


def _single(stride: int | tuple[int, ...]) -> int | None:
    steps = {stride} if isinstance(stride, int) else set(stride)
    return steps.pop() if len(steps) == 1 else None


def _mitigated(name: str, plan: _Plan, blur: Callable[[int], BlurPool2d]) -> nn.Module:
    layer, before, lost = plan.layers[name], plan.blur_before.get(name), plan.unstride.get(name)
    if isinstance(layer, nn.Conv2d):
        layer.stride = (1, 1) if lost else layer.stride
        return BlurConv2d(layer, blur(before)) if before else layer
    parts: list[nn.Module] = [blur(before)] if before else []
    if isinstance(layer, nn.MaxPool2d):
        parts.append(_dense_pool(layer, plan.residual) if lost else layer)
    if lost:
        parts.append(blur(lost))
    return parts[0] if len(parts) == 1 else nn.Sequential(*parts)


def _dense_pool(pool: nn.MaxPool2d, residual: bool) -> nn.MaxPool2d:
    if residual:
        return nn.MaxPool2d(2, stride=1)
    return nn.MaxPool2d(pool.kernel_size, stride=1, padding=pool.padding, dilation=pool.dilation)


def _replace(network: nn.Module, old: nn.Module, new: nn.Module) -> None:
    # Everywhere it hangs: a layer registered under two names would else be changed on one path only.
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if child is old:
                setattr(parent, name, new)
