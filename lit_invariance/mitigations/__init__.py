"""What makes a network more invariant, named in a config by one word and plain options.

`mitigations: [blurpool, {consistency: {weight: 2}}]`. There are three kinds: surgery changes the network in place, a
loss adds a term to the training, and an inference wrapper shows the network something else than the bare picture, in
evaluation mode only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod

from torch import Tensor, nn

from lit_invariance.errors import UserError, unknown
from lit_invariance.mitigations.graph.antialiasing import Change
from lit_invariance.mitigations.inference.content_align import ContentAlign
from lit_invariance.mitigations.inference.content_crop import ContentCrop
from lit_invariance.mitigations.inference.shift_average import ShiftAverage
from lit_invariance.mitigations.interfaces import Classify, Inference, Loss
from lit_invariance.mitigations.losses.consistency import Consistency
from lit_invariance.mitigations.losses.distillation import Distillation
from lit_invariance.mitigations.surgery.adaptive_blur import adaptive_blur
from lit_invariance.mitigations.surgery.batch_norm import batch_norms, reestimate_batch_norm
from lit_invariance.mitigations.surgery.blurpool import BlurPool2d, antialias
from lit_invariance.mitigations.surgery.ideal_lowpass import ideal_lowpass
from lit_invariance.mitigations.surgery.padding import circular_padding, reflect_padding
from lit_invariance.mitigations.surgery.polyphase import polyphase
from lit_invariance.registry import Spec, build, parse_spec

__all__ = [
    "INFERENCE",
    "LOSSES",
    "MITIGATIONS",
    "SURGERY",
    "BlurPool2d",
    "Change",
    "Mitigated",
    "adaptive_blur",
    "antialias",
    "apply_mitigations",
    "batch_norms",
    "circular_padding",
    "ideal_lowpass",
    "polyphase",
    "reestimate_batch_norm",
    "reflect_padding",
]

SURGERY: dict[str, Callable[..., list[Change]]] = {
    "blurpool": antialias,  # Zhang 2019, "Making convolutional networks shift-invariant again", arXiv 1904.11486
    "adaptive_blur": adaptive_blur,  # Zou et al. 2020, "Delving deeper into anti-aliasing in ConvNets"
    "ideal_lowpass": ideal_lowpass,  # Michaeli et al. 2023, "Alias-free convnets", arXiv 2303.08085
    "polyphase": polyphase,  # Chaman & Dokmanic 2021, "Truly shift-invariant convolutional neural networks"
    "circular_padding": circular_padding,
    "reflect_padding": reflect_padding,
}
LOSSES: dict[str, Callable[..., Loss]] = {
    "consistency": Consistency,  # Zheng et al. 2016, "Improving the robustness ... via stability training"
    "distillation": Distillation,  # Hinton et al. 2015, "Distilling the knowledge in a neural network"
}
INFERENCE: dict[str, Callable[..., Inference]] = {
    "shift_average": ShiftAverage,
    "content_align": ContentAlign,  # Kaba et al. 2023, "Equivariance with learned canonicalization functions"
    "content_crop": ContentCrop,  # in the spirit of Shifman & Weiss 2024, "Lost in translation", arXiv 2404.07153
}
MITIGATIONS = {**SURGERY, **LOSSES, **INFERENCE}
PADDINGS_OF_NETWORKS = ("circular_padding", "reflect_padding")


@dataclass(frozen=True)
class Mitigated:
    """What the mitigations of a config have made.

    Attributes:
        changes: What surgery changed and left, for each in turn.
        losses: The terms of the training loss.
        wrappers: The inference wrappers, the first being the first to see a picture.
    """

    changes: list[Change] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    wrappers: list[Inference] = field(default_factory=list)

    @property
    def passes(self) -> int:
        """Forward passes that the inference on one picture costs."""
        return prod(wrapper.passes for wrapper in self.wrappers)

    @property
    def label_weight(self) -> float:
        """Factor of the training loss on the labels."""
        return prod(loss.label_weight for loss in self.losses)

    def infer(self, classify: Classify, images: Tensor) -> Tensor:
        """Classify through all wrappers; see `Inference`."""
        for wrapper in reversed(self.wrappers):
            classify = _wrapped(wrapper, classify)
        return classify(images)


def apply_mitigations(network: nn.Module, specs: Sequence[Spec]) -> Mitigated:
    """Apply the mitigations of a config to a network.

    Surgery is done in place, in its order in the list. Losses add up; the weights they give to the loss on the labels
    are multiplied. Wrappers form a chain in their order: after `[content_crop, shift_average]` the average is over
    moves of the chosen window, and the passes are multiplied. The kinds do not depend on each other's places. Each loss
    and each wrapper is named at most once.

    The padding of borders is changed last, wherever it is named, so that it reaches the layers the others put in.

    Args:
        network: The network to change.
        specs: Names, or `{name: {option: value}}`; see `MITIGATIONS`.

    Returns:
        What was changed in the network, and what goes around it.

    Raises:
        UserError: If a name or option is unknown, a loss or wrapper is named twice, or surgery refuses the network.
    """
    made, seen = Mitigated(), set()
    for spec in sorted(specs, key=lambda spec: parse_spec("mitigation", spec)[0] in PADDINGS_OF_NETWORKS):
        name, _ = parse_spec("mitigation", spec)
        if name == "translation":
            raise UserError("translation acts on training images and not on the network: set data.translation.")
        if name not in MITIGATIONS:
            raise unknown("mitigation", name, MITIGATIONS)
        if name in seen and name not in SURGERY:
            raise UserError(f"mitigation {name} is named twice; name it once, with the options it shall have.")
        seen.add(name)
        if name in SURGERY:
            made.changes.extend(build("mitigation", SURGERY, spec, network=network))
        elif name in LOSSES:
            made.losses.append(build("mitigation", LOSSES, spec))
        else:
            made.wrappers.append(build("mitigation", INFERENCE, spec))
    return made


def _wrapped(wrapper: Inference, classify: Classify) -> Classify:
    return lambda images: wrapper(classify, images)
