"""Apply the mitigations of a config: `mitigations: [blurpool, {consistency: {weight: 2}}]`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from torch import nn

from lit_invariance.errors import UserError, unknown
from lit_invariance.mitigations.exactness import check_exact_invariance
from lit_invariance.mitigations.graph.change import Change
from lit_invariance.mitigations.inference.wrapper import InferenceWrapper
from lit_invariance.mitigations.interfaces import Classify, Loss
from lit_invariance.mitigations.registry import INFERENCE, LOSSES, MITIGATIONS, OVER_TIME, SURGERY
from lit_invariance.models.exported.file import ExportedNetwork
from lit_invariance.registry import Spec, build, parse_spec

PADDINGS_OF_NETWORKS = ("circular_padding", "reflect_padding")
EXACT = {"polyphase", "circular_padding"}


@dataclass(frozen=True)
class Mitigated:
    """The result of applying the mitigations of a config.

    Attributes:
        infer: Classifies in evaluation mode: the outermost wrapper or, without wrappers, the given classifier.
        changes: What each surgery changed and left unchanged, in order.
        losses: The terms of the training loss.
        wrappers: The inference wrappers; the first one sees the picture first.
        meant_exact: The network, if surgery was to make it exactly invariant to cyclic shifts.
    """

    infer: Classify
    changes: list[Change] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    wrappers: list[InferenceWrapper] = field(default_factory=list)
    meant_exact: nn.Module | None = None

    def report(self) -> Iterator[str]:
        """List what surgery changed and left unchanged, and say whether a network meant to be exactly invariant is so.

        The last takes some seconds; see `check_exact_invariance`.
        """
        yield from map(str, self.changes)
        if self.meant_exact is not None:
            yield str(check_exact_invariance(self.meant_exact))

    @property
    def passes(self) -> int:
        """Forward passes that the inference on one picture costs."""
        return prod(wrapper.passes for wrapper in self.wrappers)

    @property
    def label_weight(self) -> float:
        """Factor of the training loss on the labels."""
        return prod(loss.label_weight for loss in self.losses)


def apply_mitigations(network: nn.Module, specs: Sequence[Spec], classify: Classify | None = None) -> Mitigated:
    """Apply the mitigations of a config to a network.

    Surgery is done in place, in the order of the list. Losses are added; the weights they give to the loss on the
    labels are multiplied. Wrappers are chained in order: with `[content_crop, shift_average]` the average is over
    moves of the chosen window, and the passes are multiplied. The order between the three kinds does not matter. Each
    loss and each wrapper can be named only once.

    Padding is always changed last, so that it also reaches the layers that other surgery has added.

    Args:
        network: The network to change.
        specs: Names, or `{name: {option: value}}`; see `MITIGATIONS`.
        classify: The function that the wrappers are put around, if not the network itself: from pictures in [0, 1] to
            logits, including the normalisation that the network needs.

    Returns:
        The changes to the network, the losses and the wrappers.

    Raises:
        UserError: If a name or option is unknown, a loss or wrapper is named twice, a mitigation acts on films only, or
            surgery fails.
    """
    named = [(_checked_name(spec), spec) for spec in specs]
    _refuse_repetitions([name for name, _ in named])
    changes: list[Change] = []
    _refuse_exported(network, _of_kind(SURGERY, named))
    for _, spec in sorted(_of_kind(SURGERY, named), key=lambda entry: entry[0] in PADDINGS_OF_NETWORKS):
        changes += build("mitigation", SURGERY, spec, network=network)
    losses = [build("mitigation", LOSSES, spec) for _, spec in _of_kind(LOSSES, named)]
    infer: Classify = network if classify is None else classify
    wrappers: list[InferenceWrapper] = []
    for _, spec in reversed(_of_kind(INFERENCE, named)):  # from the network outwards
        infer = build("mitigation", INFERENCE, spec, network=infer)
        wrappers.insert(0, infer)
    meant_exact = network if {name for name, _ in named} >= EXACT else None
    return Mitigated(infer, changes, losses, wrappers, meant_exact)


def _checked_name(spec: Spec) -> str:
    name, options = parse_spec("mitigation", spec)
    if name == "translation":
        raise UserError("translation acts on training images and not on the network: set data.translation.")
    if name not in MITIGATIONS:
        raise unknown("mitigation", name, MITIGATIONS)
    if name in OVER_TIME:
        raise UserError(
            f"{name} acts on the frames of a film, not on a network or single pictures; add it to a model that is "
            "evaluated with --video, and leave it out here."
        )
    if "network" in options:  # an argument of the functions, which would replace the network
        raise UserError(f"mitigation {name} has no option network; it is applied to model.backbone.")
    return name


def _refuse_repetitions(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1 and name not in SURGERY:
            raise UserError(f"mitigation {name} is named twice; name it once, with the options you want.")


def _refuse_exported(network: nn.Module, surgery: list[tuple[str, Spec]]) -> None:
    if surgery and isinstance(network, ExportedNetwork):
        raise UserError(
            f"an exported file holds no layers that {surgery[0][0]} could change; apply it to the network before the "
            f"export, or use {', '.join(INFERENCE)}."
        )


def _of_kind(kind: Mapping[str, object], named: list[tuple[str, Spec]]) -> list[tuple[str, Spec]]:
    return [(name, spec) for name, spec in named if name in kind]
