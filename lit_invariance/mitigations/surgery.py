"""Soften a network in place: every stride that can be moved goes into a downsampling layer that filters."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from lit_invariance.errors import UserError
from lit_invariance.mitigations.attach import is_softened, put_before, put_behind, replace
from lit_invariance.mitigations.border import has_border
from lit_invariance.mitigations.places import Strided, strided_places
from lit_invariance.mitigations.pooled import Pooled, pair
from lit_invariance.mitigations.rewriting import rewritten

# Makes the layer that keeps every `stride`-th sample of `channels` maps: (N, C, H, W) to (N, C, ceil(H/s), ceil(W/s)).
Downsampler = Callable[[int | tuple[int, int], int], nn.Module]


@dataclass(frozen=True)
class Change:
    """What surgery did at one strided operation.

    Attributes:
        place: Qualified name of the layer, or the traced name of a function call.
        changed: False where the operation was left as it is.
        what: What was done, or why nothing was.
        cumulative: How many samples of the network's input lie between two of the result, in rows and columns; None
            where the change is of another kind.
    """

    place: str
    changed: bool
    what: str
    cumulative: tuple[int, int] | None = None

    def __str__(self) -> str:
        """One line of the list a user reads."""
        what = self.what if self.changed else f"left alone, {self.what}"
        stride = f" (cumulative stride {_say(self.cumulative)})" if self.cumulative else ""
        return f"{self.place}: {what}{stride}"


def soften(network: nn.Module, downsampler: Downsampler, name: str, stem: bool = False) -> list[Change]:
    """Move every stride of a network into downsampling layers, in place.

    A strided convolution becomes dense; what follows it alone, normalisation and activation, stays in front of the
    downsampling layer (Zhang 2019, section 3.2, arXiv 1904.11486). A 1x1 convolution without an activation behind it,
    as on a shortcut, reads through the downsampling layer instead, which is equal and cheaper. A max pool becomes dense
    with the layer behind it; an average pool of stride 2 becomes the layer. Torchvision's residual networks get the
    2x2 max pool of the published anti-aliased ones. A convolution of even stride above 2 keeps half of it, as the
    published AlexNet does. Parameters, state-dict keys and output sizes are unchanged.

    Args:
        network: Any network torch.fx can trace.
        downsampler: Makes a layer from a stride and the number of channels it will see. The layer leaves
            `ceil(size / stride)` samples. The stride is a pair where rows and columns differ.
        name: What the report calls the layer.
        stem: Whether to include the first convolution, which then costs `min(stride, 2) ** 2` times as much.

    Returns:
        One entry for every strided operation, in the order of the forward pass: what was done, or why it was left.

    Raises:
        UserError: If the network cannot be traced, it is softened already, or it has nothing to change. The network is
            then as it was.
    """
    kind = type(network).__name__
    if is_softened(network):
        raise UserError(f"{kind} is anti-aliased already; name one such mitigation, once.")
    if any(has_border(layer) for layer in network.modules()):
        raise UserError(
            f"polyphase or another padding was put into {kind} before; put the {name} in first, and not with polyphase."
        )
    plan = _Plan(network, name, stem)
    changes = [_decide(place, plan) for place in strided_places(network)]
    if not any(change.changed for change in changes):
        left = "; ".join(map(str, changes)) or "it has no strided operation"
        raise UserError(f"{name} finds nothing to change in {kind}: {left}.")
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    _carry_out(plan, network, lambda stride, channels: downsampler(stride, channels).to(device))
    return changes


@dataclass(frozen=True)
class _Added:
    """A downsampling layer to be made."""

    stride: tuple[int, int]
    channels: int

    def make(self, downsampler: Downsampler) -> nn.Module:
        rows, columns = self.stride
        return downsampler(rows if rows == columns else self.stride, self.channels)


@dataclass
class _Plan:
    """Everything to change, so that a network is changed whole or not at all.

    `before` and `behind` map a layer to what is put there, `pools` a pool to what takes over its stride and
    `strides` a convolution to the stride it keeps; `calls` are the pools that are function calls.
    """

    network: nn.Module
    name: str
    stem: bool
    before: dict[str, _Added] = field(default_factory=dict)
    behind: dict[str, _Added] = field(default_factory=dict)
    pools: dict[str, _Added] = field(default_factory=dict)
    calls: list[Strided] = field(default_factory=list)
    strides: dict[str, tuple[int, int]] = field(default_factory=dict)


def _decide(place: Strided, plan: _Plan) -> Change:
    layer, leave = place.layer, partial(Change, place.name, False, cumulative=place.cumulative)
    if layer is None:
        return leave("a function call that no layer stands for")
    if place.calls > 1:
        return leave("the network runs it more than once")
    if place.call is not None and not place.call.owner:
        return leave("a function call in the network's own forward pass; make it a layer, such as torch.nn.MaxPool2d")
    if place.channels is None:
        return leave("its number of channels is not known from the layers around it")
    if isinstance(layer, nn.Conv2d):
        return _decide_convolution(place, layer, place.channels, plan)
    if (type(layer) is nn.MaxPool2d and not layer.return_indices) or _is_narrow_average(layer):
        if place.call is not None:
            owner = plan.network.get_submodule(place.call.owner)
            if rewritten(owner, place.call.targets, {}) is None:
                return leave(f"a function call in {type(owner).__name__}, whose forward pass cannot be rewritten")
            plan.calls.append(place)
        plan.pools[place.name] = _Added(place.stride, place.channels)
        return Change(place.name, True, _say_pool(place, plan), place.cumulative)
    return leave(f"{type(layer).__name__}({layer.extra_repr()}) is not handled")


def _decide_convolution(place: Strided, conv: nn.Conv2d, channels: int, plan: _Plan) -> Change:
    size = "x".join(map(str, conv.kernel_size))
    if place.first and not plan.stem:
        why = "the stem convolution, which the option `stem` includes"
        return Change(place.name, False, why, place.cumulative)
    kept = tuple(step // 2 if step > 2 and step % 2 == 0 else 1 for step in place.stride)
    moved = tuple(step // keep for step, keep in zip(place.stride, kept, strict=True))
    pointwise = conv.kernel_size == (1, 1) and pair(conv.padding) == (0, 0)  # type: ignore[arg-type]
    if pointwise and not place.activated and place.name not in plan.before:
        kept, moved = (1, 1), place.stride
        plan.before[place.name] = _Added(moved, conv.in_channels)
        where = "before itself"
    elif place.readers and not place.complete:
        plan.before.update({reader: _Added(moved, channels) for reader in place.readers})
        where = f"before {', '.join(place.readers)}"
    else:
        plan.behind[place.chain[0]] = _Added(moved, channels)
        where = f"behind {place.chain[0] if place.chain[0] != place.name else 'itself'}"
    plan.strides[place.name] = kept
    change = f"stride {_say(place.stride)} -> {_say(kept)}, {plan.name} of stride {_say(moved)} {where}"
    return Change(place.name, True, f"{size} convolution, {change}", place.cumulative)


def _is_narrow_average(layer: nn.Module) -> bool:
    # A wide average is a low-pass of its own, and one over the whole map leaves nothing to filter.
    if type(layer) is not nn.AvgPool2d:
        return False
    window, step = pair(layer.kernel_size), pair(layer.stride)
    return window == (1, 1) or (max(step) == 2 and (_is_centred(layer) or not layer.ceil_mode))


def _is_centred(pool: nn.AvgPool2d) -> bool:
    # Its samples lie where those of a downsampling layer lie, or half a sample on, as with an even filter.
    overhang = [size - 2 * pad for size, pad in zip(pair(pool.kernel_size), pair(pool.padding), strict=True)]
    return set(overhang) <= {1, 2} and not (pool.ceil_mode and pool.padding not in (0, (0, 0)))


def _say_pool(place: Strided, plan: _Plan) -> str:
    stride, layer = _say(place.stride), place.layer
    if isinstance(layer, nn.AvgPool2d) and _is_centred(layer):
        return f"average pool, stride {stride} -> {plan.name} of stride {stride}"
    if isinstance(layer, nn.AvgPool2d):
        return f"average pool, stride {stride} -> 1 with {plan.name} of stride {stride} behind"
    window = "over 2x2 " if _is_residual(plan.network) else ""
    return f"max pool, stride {stride} -> 1 {window}with {plan.name} of stride {stride} behind"


def _is_residual(network: nn.Module) -> bool:
    # The published anti-aliased ResNets pool over 2x2, torchvision's over 3x3; other families keep their window.
    return any(isinstance(layer, BasicBlock | Bottleneck) for layer in network.modules())


def _carry_out(plan: _Plan, network: nn.Module, downsampler: Downsampler) -> None:
    residual = _is_residual(network)
    # All are made before the first is put in: a downsampler may refuse a stride.
    made = [
        {name: added.make(downsampler) for name, added in additions.items()}
        for additions in (plan.before, plan.behind, plan.pools)
    ]
    before, behind, pools = made
    for owner, places in _by_owner(plan.calls).items():
        _rewrite(network, owner, places, {place.name: pools.pop(place.name) for place in places}, residual)
    layers = dict(network.named_modules())
    for name, stride in plan.strides.items():
        layers[name].stride = stride  # type: ignore[assignment]  # torch types attributes of a Module as Tensor | Module
    for name, added in before.items():
        put_before(layers[name], added)
    for name, added in behind.items():
        put_behind(layers[name], added)
    for name, added in pools.items():
        replace(network, layers[name], _pooled(layers[name], residual, added))


def _by_owner(calls: list[Strided]) -> dict[str, list[Strided]]:
    owners: dict[str, list[Strided]] = {}
    for place in calls:
        assert place.call is not None
        owners.setdefault(place.call.owner, []).append(place)
    return owners


def _rewrite(
    network: nn.Module, owner: str, places: list[Strided], added: dict[str, nn.Module], residual: bool
) -> None:
    module, exchange = network.get_submodule(owner), {}
    for place in places:
        assert place.call is not None and place.layer is not None
        exchange[place.call.position] = (
            place.name.rpartition(".")[2],
            _pooled(place.layer, residual, added[place.name]),
        )
    twin = rewritten(module, place.call.targets, exchange)
    assert twin is not None, "the plan has tried it"
    replace(network, module, twin)


def _pooled(pool: nn.Module, residual: bool, added: nn.Module) -> Pooled:
    assert isinstance(pool, nn.MaxPool2d | nn.AvgPool2d)
    return Pooled(pool, _dense(pool, residual), added)


def _dense(pool: nn.MaxPool2d | nn.AvgPool2d, residual: bool) -> nn.MaxPool2d | nn.AvgPool2d | None:
    if isinstance(pool, nn.AvgPool2d):
        if _is_centred(pool):
            return None
        return nn.AvgPool2d(pool.kernel_size, 1, pool.padding, count_include_pad=pool.count_include_pad)
    if residual:
        return nn.MaxPool2d(2, stride=1)
    return nn.MaxPool2d(pool.kernel_size, stride=1, padding=pool.padding, dilation=pool.dilation)


def _say(stride: tuple[int, ...]) -> str:
    return str(stride[0]) if stride[0] == stride[-1] else f"{stride[0]}x{stride[-1]}"
