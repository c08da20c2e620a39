"""Make the strides of a network follow the picture: adaptive polyphase sampling, in place."""

from dataclasses import dataclass

from torch import nn

from lit_invariance.errors import UserError
from lit_invariance.mitigations.graph.border import Border, make_dense, surround
from lit_invariance.mitigations.graph.change import Change, layer_kind, stride_words
from lit_invariance.mitigations.graph.hints import other_ways
from lit_invariance.mitigations.graph.hooks import is_antialiased
from lit_invariance.mitigations.graph.lattices import lattices_of
from lit_invariance.mitigations.graph.strided_ops import Strided, places_of
from lit_invariance.mitigations.graph.tracing import trace
from lit_invariance.mitigations.surgery.choosers import LearnedPhase, LoudestPhase
from lit_invariance.mitigations.surgery.sampling import Choice, KeepPhase, keep_phase_of


def polyphase(network: nn.Module, learned: bool = False, stem: bool = True) -> list[Change]:
    """Make every stride keep the samples that the content of each picture chooses, in place.

    Adaptive polyphase sampling (Chaman & Dokmanic, "Truly shift-invariant convolutional neural networks", CVPR 2021,
    arXiv 2011.14214): a strided operation computes its result y at every sample. The stride (s, t) divides y into
    s t phases, y_ij[m, n] = y[s m + i, t n + j]. A plain stride keeps y_00; here the phase with the largest norm is
    kept, separately for each image. A cyclic shift of y permutes its phases and shifts each cyclically, so the kept
    phase is the same up to a cyclic shift, to which a global average at the end of the network is invariant.
    Together with `circular_padding` the answer is then the same for every cyclic shift of the picture, for any
    parameters, up to rounding, unless the network distinguishes positions in another way: by an embedding of
    positions, a flattened map, a layer without padding. `check_exact_invariance` measures it. `loudest_phase` says what
    happens in a tie.

    Strided operations whose results meet in an addition, a concatenation or any other operation keep one common phase,
    the one that the first of them chooses: a shortcut follows its block.

    Sizes: this is exact if the total stride divides both sides of the picture. Otherwise a layer with circular padding
    raises an error; with any other padding, where the border prevents exactness anyway, the layer computes `stride`
    windows for each that it had, and the last one may read beyond the map. The output size is always that of the plain
    network.

    Args:
        network: Any network torch.fx can trace. Its parameters and state-dict keys are unchanged, unless `learned`.
        learned: Choose by a small network that is trained along (Rojas-Gomez et al., "Learnable polyphase sampling for
            shift invariant and equivariant convolutional networks", NeurIPS 2022, arXiv 2210.08001), see
            `LearnedPhase`. Its parameters, named `...chooser...`, are new: a plain state dict lacks them.
        stem: Whether to include the first convolution, which then runs at full resolution and costs `stride ** 2`
            times as much. Without it nothing is exactly invariant.

    Returns:
        One entry for every strided operation, in the order of the forward pass: what was done, or why it was left.

    Raises:
        UserError: If the network cannot be traced, its strides are blurred already, or it has nothing to change.

    Example:
        >>> import torch
        >>> from lit_invariance.mitigations import circular_padding, polyphase
        >>> conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        >>> network = nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        >>> for change in polyphase(network) + circular_padding(network):
        ...     print(change)
        0: 3x3 convolution, stride 2 -> 1, one of 4 phases kept: largest norm (cumulative stride 2)
        0: 3x3 convolution, padding zeros -> circular
        >>> images = torch.rand(1, 3, 8, 8)
        >>> torch.allclose(network(images), network(images.roll(1, 3)), atol=1e-6)
        True
    """
    kind = type(network).__name__
    if is_antialiased(network):
        raise UserError(
            f"the strides of {kind} are already in anti-aliasing filters, so polyphase finds none; use only one "
            "of the two mitigations."
        )
    traced = trace(network)
    places = places_of(traced)
    named = {place.name: place for place in places}
    groups = [[named[name] for name in lattice.members] for lattice in lattices_of(traced, places)]
    options = _Options(traced.layers, learned, stem)
    actions = [_decide(group, options) for group in groups]
    decided = {change.place: change for action in actions for change in action.changes}
    changes = [decided[place.name] for place in places]
    if not any(change.changed for change in changes):
        left = "; ".join(map(str, changes)) or "it has no strided operation"
        raise UserError(f"polyphase finds nothing to change in {kind}: {left}{other_ways(network)}.")
    for action in actions:
        action.apply(network)
    return changes


@dataclass(frozen=True)
class _Options:
    """What decides whether a layer is changed."""

    layers: dict[str, nn.Module]
    learned: bool
    stem: bool


@dataclass(frozen=True)
class _LeaveGroup:
    """The operations of a group stay as they are."""

    changes: list[Change]

    def apply(self, network: nn.Module) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class _KeepOnePhase:
    """The operations of a group become dense and keep one common phase.

    Attributes:
        changes: What the report says.
        group: The operations; the first chooses.
        chooser: What chooses.
    """

    changes: list[Change]
    group: list[Strided]
    chooser: nn.Module

    def apply(self, network: nn.Module) -> None:
        """Make the layers dense, and let what reads them read one phase."""
        choice = Choice(followers=len(self.group) - 1)
        like = next(network.parameters(), None)
        # Where the padding of the network was changed before, a pool without padding had no part in it.
        mode = next((layer.mode for layer in network.modules() if isinstance(layer, Border)), "zeros")
        for place in self.group:
            layer = place.layer
            assert isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d)
            keep = KeepPhase(place.stride, choice, self.chooser if place is self.group[0] else None)
            if like is not None:
                keep.to(like.device, like.dtype)
            make_dense(layer)
            if mode == "circular":
                surround(layer, mode)
            keep_phase_of(layer, keep.train(layer.training))


def _decide(group: list[Strided], options: _Options) -> _LeaveGroup | _KeepOnePhase:
    """All layers of a group or none: a stride left among them always keeps the first phase."""
    reasons = {place.name: _reason_to_leave(place, options) for place in group}
    refused = [name for name, reason in reasons.items() if reason]
    if refused:
        meets = f"because its result meets that of {refused[0]}, which is left alone"
        changes = [Change(place.name, False, reasons[place.name] or meets, place.cumulative) for place in group]
        return _LeaveGroup(changes)
    first = group[0]
    chooser = LearnedPhase(first.channels or 0, first.stride) if options.learned else LoudestPhase(first.stride)
    return _KeepOnePhase([_kept(place, first, options.learned) for place in group], group, chooser)


def _kept(place: Strided, first: Strided, learned: bool) -> Change:
    chosen = "learned choice" if learned else "largest norm"
    who = chosen if place is first else f"as in {first.name}"
    phases = place.stride[0] * place.stride[1]
    strides = f"stride {stride_words(place.stride)} -> 1"
    what = f"{layer_kind(place.layer)}, {strides}, one of {phases} phases kept: {who}"
    return Change(place.name, True, what, place.cumulative)


def _reason_to_leave(place: Strided, options: _Options) -> str:
    layer = place.layer
    if layer is None or place.name not in options.layers:
        return "a function call and no layer that could be changed"
    if place.calls > 1:
        return "the network runs it more than once"
    if place.first and isinstance(layer, nn.Conv2d) and not options.stem:
        return "the stem convolution, which the option `stem` includes"
    if type(layer) is nn.AvgPool2d and max(place.stride) > 2:
        return f"an average pool of stride {stride_words(place.stride)}, which may span the whole map"
    if type(layer) not in (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d) or getattr(layer, "return_indices", False):
        return f"{type(layer).__name__}({layer.extra_repr()}) is not handled"
    if options.learned and place.channels is None:
        return "its number of channels is not known from the layers around it"
    return ""
