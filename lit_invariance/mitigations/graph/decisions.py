"""Decide what to do with each strided operation, without changing the network."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from torch import nn

from lit_invariance.mitigations.graph.actions import Action, Densify, Leave, ReplaceCall, ReplacePool
from lit_invariance.mitigations.graph.change import Change, layer_kind, stride_words
from lit_invariance.mitigations.graph.pooled import Pooled
from lit_invariance.mitigations.graph.rewriting import Forward
from lit_invariance.mitigations.graph.strided_ops import Strided
from lit_invariance.mitigations.ops.windows import Pair, pair

# Makes the layer that keeps every `stride`-th sample of `channels` maps: (N, C, H, W) to (N, C, ceil(H/s), ceil(W/s)).
Downsampler = Callable[[int | tuple[int, int], int], nn.Module]


@dataclass(frozen=True)
class Site:
    """What decisions depend on besides the operation itself.

    Attributes:
        name: What the report calls a filter.
        stem: Whether the first convolution is included.
        downsampler: Makes filters.
        residual: Whether max pools shrink to 2x2, as in the published anti-aliased ResNets.
        forwards: The forward passes of the modules that call pools as functions, by the module's name.
    """

    name: str
    stem: bool
    downsampler: Downsampler
    residual: bool
    forwards: Mapping[str, Forward]

    def filter(self, stride: Pair, channels: int) -> nn.Module:
        """Make a filter."""
        return self.downsampler(stride[0] if stride[0] == stride[1] else stride, channels)


def decide(place: Strided, site: Site, filtered: Collection[str]) -> Action:
    """Decide what to do with an operation.

    Args:
        place: The operation.
        site: What else it depends on.
        filtered: Names of the layers that earlier decisions let read through a filter.
    """
    reason = _reason_to_leave(place, site)
    if reason:
        return Leave(Change(place.name, False, reason, place.cumulative))
    if isinstance(place.layer, nn.Conv2d):
        return _densify(place, place.layer, site, filtered)
    return _exchange(place, site)


def _reason_to_leave(place: Strided, site: Site) -> str:
    layer, call = place.layer, place.call
    if layer is None:
        return "a function call that no layer can replace"
    if place.calls > 1:
        return "the network runs it more than once"
    if call is not None and not call.owner:
        return "a function call in the network's own forward pass; make it a layer, such as torch.nn.MaxPool2d"
    is_pool = (type(layer) is nn.MaxPool2d and not layer.return_indices) or _is_narrow_average(layer)
    if not is_pool and not isinstance(layer, nn.Conv2d):
        return f"{type(layer).__name__}({layer.extra_repr()}) is not handled"
    if place.channels is None:
        return "its number of channels is not known from the layers around it"
    if isinstance(layer, nn.Conv2d) and place.first and not site.stem:
        return "the stem convolution, which the option `stem` includes"
    if call is not None and site.forwards[call.owner].graph is None:
        return f"a function call in {site.forwards[call.owner].kind}, whose forward pass cannot be rewritten"
    return ""


def _densify(place: Strided, conv: nn.Conv2d, site: Site, filtered: Collection[str]) -> Densify:
    kept, moved = _shared_out(place.stride)
    before, behind, channels = {}, {}, conv.out_channels
    pointwise = conv.kernel_size == (1, 1) and conv.padding in (0, (0, 0))
    if pointwise and not place.activated and place.name not in filtered:
        kept, moved = (1, 1), place.stride
        before[place.name] = site.filter(moved, conv.in_channels)
        where = "before itself"
    elif place.readers and not place.complete:
        before.update({reader: site.filter(moved, channels) for reader in place.readers})
        where = f"before {', '.join(place.readers)}"
    else:
        behind[place.chain[0]] = site.filter(moved, channels)
        where = f"behind {place.chain[0] if place.chain[0] != place.name else 'itself'}"
    strides = f"stride {stride_words(place.stride)} -> {stride_words(kept)}"
    what = f"{layer_kind(conv)}, {strides}, {site.name} of stride {stride_words(moved)} {where}"
    return Densify(Change(place.name, True, what, place.cumulative), place.name, kept, before, behind)


def _shared_out(stride: Pair) -> tuple[Pair, Pair]:
    """The part of its stride that a convolution keeps and the part that it passes on."""
    rows, columns = (step // 2 if step > 2 and step % 2 == 0 else 1 for step in stride)
    return (rows, columns), (stride[0] // rows, stride[1] // columns)


def _exchange(place: Strided, site: Site) -> ReplacePool | ReplaceCall:
    pool = place.layer
    assert isinstance(pool, nn.MaxPool2d | nn.AvgPool2d)
    assert place.channels is not None
    dense = _dense(pool, site.residual)
    pooled = Pooled(pool, dense, site.filter(place.stride, place.channels))
    change = Change(place.name, True, _say_pool(place, dense, site), place.cumulative)
    if place.call is None:
        return ReplacePool(change, place.name, pooled)
    graph, call = site.forwards[place.call.owner].at(place.call.position)
    return ReplaceCall(change, place.call.owner, graph, call, pooled)


def _dense(pool: nn.MaxPool2d | nn.AvgPool2d, residual: bool) -> nn.MaxPool2d | nn.AvgPool2d | None:
    if isinstance(pool, nn.AvgPool2d):
        if _is_centred(pool):
            return None
        return nn.AvgPool2d(pool.kernel_size, 1, pool.padding, count_include_pad=pool.count_include_pad)
    if residual:
        return nn.MaxPool2d(2, stride=1)
    return nn.MaxPool2d(pool.kernel_size, stride=1, padding=pool.padding, dilation=pool.dilation)


def _say_pool(place: Strided, dense: nn.Module | None, site: Site) -> str:
    stride = stride_words(place.stride)
    if dense is None:
        return f"average pool, stride {stride} -> {site.name} of stride {stride}"
    window = "over 2x2 " if isinstance(dense, nn.MaxPool2d) and site.residual else ""
    return f"{layer_kind(place.layer)}, stride {stride} -> 1 {window}with {site.name} of stride {stride} behind"


def _is_narrow_average(layer: nn.Module) -> bool:
    # A wide average is already a low-pass, and one over the whole map leaves nothing to filter.
    if type(layer) is not nn.AvgPool2d:
        return False
    window, step = pair(layer.kernel_size), pair(layer.stride)
    return window == (1, 1) or (max(step) == 2 and (_is_centred(layer) or not layer.ceil_mode))


def _is_centred(pool: nn.AvgPool2d) -> bool:
    """Whether its samples lie where those of a downsampling layer lie, or half a sample on, as with an even filter."""
    overhang = [size - 2 * pad for size, pad in zip(pair(pool.kernel_size), pair(pool.padding), strict=True)]
    return set(overhang) <= {1, 2} and not (pool.ceil_mode and pool.padding not in (0, (0, 0)))
