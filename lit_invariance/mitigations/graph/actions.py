"""Decide what becomes of every strided operation of a network, before anything is touched."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from lit_invariance.mitigations.graph.rewriting import rewritten
from lit_invariance.mitigations.graph.strided_ops import Call, Strided
from lit_invariance.mitigations.ops.windows import pair

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
        stride = f" (cumulative stride {stride_words(self.cumulative)})" if self.cumulative else ""
        return f"{self.place}: {what}{stride}"


@dataclass(frozen=True)
class Added:
    """A downsampling layer to be made."""

    stride: tuple[int, int]
    channels: int

    def make(self, downsampler: Downsampler) -> nn.Module:
        """The layer."""
        rows, columns = self.stride
        return downsampler(rows if rows == columns else self.stride, self.channels)


@dataclass
class Plan:
    """Everything to change, so that a network is changed whole or not at all.

    `before` and `behind` map a layer to what is put there, `pools` a pool to what takes over its stride and
    `strides` a convolution to the stride it keeps. `strided_pools` are the pools as they are, `calls` says which of
    them are function calls.
    """

    network: nn.Module
    name: str
    stem: bool
    before: dict[str, Added] = field(default_factory=dict)
    behind: dict[str, Added] = field(default_factory=dict)
    pools: dict[str, Added] = field(default_factory=dict)
    strided_pools: dict[str, nn.Module] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    strides: dict[str, tuple[int, int]] = field(default_factory=dict)


def decide(place: Strided, plan: Plan) -> Change:
    """Enter into the plan what becomes of an operation, and say it."""
    layer, leave = place.layer, partial(Change, place.name, False, cumulative=place.cumulative)
    if layer is None:
        return leave("a function call that no layer stands for")
    if place.calls > 1:
        return leave("the network runs it more than once")
    if place.call is not None and not place.call.owner:
        return leave("a function call in the network's own forward pass; make it a layer, such as torch.nn.MaxPool2d")
    is_pool = (type(layer) is nn.MaxPool2d and not layer.return_indices) or _is_narrow_average(layer)
    if not is_pool and not isinstance(layer, nn.Conv2d):
        return leave(f"{type(layer).__name__}({layer.extra_repr()}) is not handled")
    if place.channels is None:
        return leave("its number of channels is not known from the layers around it")
    if isinstance(layer, nn.Conv2d):
        return _decide_convolution(place, layer, place.channels, plan)
    if place.call is not None:
        owner = plan.network.get_submodule(place.call.owner)
        if rewritten(owner, place.call.targets, {}) is None:
            return leave(f"a function call in {type(owner).__name__}, whose forward pass cannot be rewritten")
        plan.calls[place.name] = place.call
    plan.pools[place.name], plan.strided_pools[place.name] = Added(place.stride, place.channels), layer
    return Change(place.name, True, _say_pool(place, plan), place.cumulative)


def _decide_convolution(place: Strided, conv: nn.Conv2d, channels: int, plan: Plan) -> Change:
    size = "x".join(map(str, conv.kernel_size))
    if place.first and not plan.stem:
        why = "the stem convolution, which the option `stem` includes"
        return Change(place.name, False, why, place.cumulative)
    kept, moved = _shared_out(place.stride)
    pointwise = conv.kernel_size == (1, 1) and conv.padding in (0, (0, 0))
    if pointwise and not place.activated and place.name not in plan.before:
        kept, moved = (1, 1), place.stride
        plan.before[place.name] = Added(moved, conv.in_channels)
        where = "before itself"
    elif place.readers and not place.complete:
        plan.before.update({reader: Added(moved, channels) for reader in place.readers})
        where = f"before {', '.join(place.readers)}"
    else:
        plan.behind[place.chain[0]] = Added(moved, channels)
        where = f"behind {place.chain[0] if place.chain[0] != place.name else 'itself'}"
    plan.strides[place.name] = kept
    strides = f"stride {stride_words(place.stride)} -> {stride_words(kept)}"
    change = f"{strides}, {plan.name} of stride {stride_words(moved)} {where}"
    return Change(place.name, True, f"{size} convolution, {change}", place.cumulative)


def _shared_out(stride: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """What a convolution keeps of its stride and what it hands on."""
    rows, columns = (step // 2 if step > 2 and step % 2 == 0 else 1 for step in stride)
    return (rows, columns), (stride[0] // rows, stride[1] // columns)


def _is_narrow_average(layer: nn.Module) -> bool:
    # A wide average is a low-pass of its own, and one over the whole map leaves nothing to filter.
    if type(layer) is not nn.AvgPool2d:
        return False
    window, step = pair(layer.kernel_size), pair(layer.stride)
    return window == (1, 1) or (max(step) == 2 and (is_centred(layer) or not layer.ceil_mode))


def is_centred(pool: nn.AvgPool2d) -> bool:
    """Whether its samples lie where those of a downsampling layer lie, or half a sample on, as with an even filter."""
    overhang = [size - 2 * pad for size, pad in zip(pair(pool.kernel_size), pair(pool.padding), strict=True)]
    return set(overhang) <= {1, 2} and not (pool.ceil_mode and pool.padding not in (0, (0, 0)))


def _say_pool(place: Strided, plan: Plan) -> str:
    stride, layer = stride_words(place.stride), place.layer
    if isinstance(layer, nn.AvgPool2d) and is_centred(layer):
        return f"average pool, stride {stride} -> {plan.name} of stride {stride}"
    if isinstance(layer, nn.AvgPool2d):
        return f"average pool, stride {stride} -> 1 with {plan.name} of stride {stride} behind"
    window = "over 2x2 " if is_residual(plan.network) else ""
    return f"max pool, stride {stride} -> 1 {window}with {plan.name} of stride {stride} behind"


def is_residual(network: nn.Module) -> bool:
    """Whether the network is of torchvision's ResNets, whose published anti-aliased versions pool over 2x2, not 3x3."""
    return any(isinstance(layer, BasicBlock | Bottleneck) for layer in network.modules())


def stride_words(stride: tuple[int, ...]) -> str:
    """A stride as a user reads it: one number where rows and columns have the same."""
    return str(stride[0]) if stride[0] == stride[-1] else f"{stride[0]}x{stride[-1]}"


def layer_kind(layer: object) -> str:
    """A convolution or pool as a user reads it."""
    if isinstance(layer, nn.Conv2d):
        return f"{'x'.join(map(str, layer.kernel_size))} convolution"
    return "max pool" if isinstance(layer, nn.MaxPool2d) else "average pool"
