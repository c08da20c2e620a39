"""Soften a network in place: every stride that can be moved goes into a downsampling layer that filters."""

from itertools import groupby

import torch
from torch import nn

from lit_invariance.errors import UserError
from lit_invariance.mitigations.graph.actions import Change, Downsampler, Plan, decide, is_centred, is_residual
from lit_invariance.mitigations.graph.border import has_border
from lit_invariance.mitigations.graph.hooks import is_antialiased, put_before, put_behind, replace
from lit_invariance.mitigations.graph.pooled import Pooled
from lit_invariance.mitigations.graph.rewriting import rewritten
from lit_invariance.mitigations.graph.strided_ops import Call, strided_places

__all__ = ["Change", "Downsampler", "antialias_strides"]


def antialias_strides(network: nn.Module, downsampler: Downsampler, name: str, stem: bool = False) -> list[Change]:
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
    if is_antialiased(network):
        raise UserError(f"{kind} is anti-aliased already; name one such mitigation, once.")
    if any(has_border(layer) for layer in network.modules()):
        raise UserError(
            f"polyphase or another padding was put into {kind} before; put the {name} in first, and not with polyphase."
        )
    plan = Plan(network, name, stem)
    changes = [decide(place, plan) for place in strided_places(network)]
    if not any(change.changed for change in changes):
        left = "; ".join(map(str, changes)) or "it has no strided operation"
        raise UserError(f"{name} finds nothing to change in {kind}: {left}.")
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    _carry_out(plan, network, lambda stride, channels: downsampler(stride, channels).to(device))
    return changes


def _carry_out(plan: Plan, network: nn.Module, downsampler: Downsampler) -> None:
    # All are made before the first is put in: a downsampler may refuse a stride.
    before, behind, pools = (
        {name: added.make(downsampler) for name, added in additions.items()}
        for additions in (plan.before, plan.behind, plan.pools)
    )
    _exchange_pools(plan, network, pools)
    for name, stride in plan.strides.items():
        network.get_submodule(name).stride = stride  # type: ignore[assignment]  # torch knows Tensor | Module only
    for name, added in before.items():
        put_before(network.get_submodule(name), added)
    for name, added in behind.items():
        put_behind(network.get_submodule(name), added)


def _exchange_pools(plan: Plan, network: nn.Module, downsamplings: dict[str, nn.Module]) -> None:
    residual = is_residual(network)
    pooled = {name: _pooled(plan.strided_pools[name], added, residual) for name, added in downsamplings.items()}
    for owner, calls in groupby(sorted(plan.calls.items(), key=_owner), key=_owner):
        module, own = network.get_submodule(owner), dict(calls)
        targets = next(iter(own.values())).targets
        exchange = {call.position: (name.rpartition(".")[2], pooled.pop(name)) for name, call in own.items()}
        twin = rewritten(module, targets, exchange)
        assert twin is not None, "the plan has tried it"
        replace(network, module, twin)
    for name, layer in pooled.items():
        replace(network, network.get_submodule(name), layer)


def _owner(call: tuple[str, Call]) -> str:
    return call[1].owner


def _pooled(pool: nn.Module, downsampling: nn.Module, residual: bool) -> Pooled:
    assert isinstance(pool, nn.MaxPool2d | nn.AvgPool2d)
    return Pooled(pool, _dense(pool, residual), downsampling)


def _dense(pool: nn.MaxPool2d | nn.AvgPool2d, residual: bool) -> nn.MaxPool2d | nn.AvgPool2d | None:
    if isinstance(pool, nn.AvgPool2d):
        if is_centred(pool):
            return None
        return nn.AvgPool2d(pool.kernel_size, 1, pool.padding, count_include_pad=pool.count_include_pad)
    if residual:
        return nn.MaxPool2d(2, stride=1)
    return nn.MaxPool2d(pool.kernel_size, stride=1, padding=pool.padding, dilation=pool.dilation)
