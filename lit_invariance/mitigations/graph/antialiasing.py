"""Anti-alias a network in place: every stride that can be moved goes into a downsampling layer that filters."""

import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from lit_invariance.errors import UserError
from lit_invariance.mitigations.graph.actions import ORDER, Action, Densify
from lit_invariance.mitigations.graph.border import has_border
from lit_invariance.mitigations.graph.change import Change
from lit_invariance.mitigations.graph.decisions import Downsampler, Site, decide
from lit_invariance.mitigations.graph.hints import other_ways
from lit_invariance.mitigations.graph.hooks import is_antialiased
from lit_invariance.mitigations.graph.rewriting import forward_of
from lit_invariance.mitigations.graph.strided_ops import Strided, strided_places


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
        UserError: If the network cannot be traced, it is already anti-aliased, or it has nothing to change. The
            network is then as it was.
    """
    kind = type(network).__name__
    if is_antialiased(network):
        raise UserError(f"{kind} is already anti-aliased; name only one such mitigation, and only once.")
    if any(has_border(layer) for layer in network.modules()):
        raise UserError(
            f"{kind} already has polyphase sampling or another padding; apply {name} first, and not together with "
            "polyphase."
        )
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    places = strided_places(network)
    owners = {place.call.owner: place.call.targets for place in places if place.call is not None and place.call.owner}
    site = Site(
        name=name,
        stem=stem,
        downsampler=lambda stride, channels: downsampler(stride, channels).to(device),
        residual=any(isinstance(layer, BasicBlock | Bottleneck) for layer in network.modules()),
        forwards={owner: forward_of(network.get_submodule(owner), targets) for owner, targets in owners.items()},
    )
    actions = _decisions(places, site)
    changes = [action.change for action in actions]
    if not any(change.changed for change in changes):
        left = "; ".join(map(str, changes)) or "it has no strided operation"
        raise UserError(f"{name} finds nothing to change in {kind}: {left}{other_ways(network)}.")
    for action in sorted(actions, key=lambda action: ORDER.index(type(action))):
        action.apply(network)
    return changes


def _decisions(places: list[Strided], site: Site) -> list[Action]:
    actions: list[Action] = []
    for place in places:
        filtered = {layer for action in actions if isinstance(action, Densify) for layer in action.before}
        actions.append(decide(place, site, filtered))
    return actions
