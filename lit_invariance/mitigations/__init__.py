"""What makes a network more invariant: each entry of `MITIGATIONS` changes a network in place and says what it did.

A config names one by its word and options: `mitigations: [blurpool]` or `mitigations: [{blurpool: {taps: 3}}]`.
"""

from collections.abc import Callable, Sequence

from torch import nn

from lit_invariance.errors import Spec, UserError, build, split_spec
from lit_invariance.mitigations.adaptive_blur import adaptive_blur
from lit_invariance.mitigations.blurpool import BlurPool2d, antialias
from lit_invariance.mitigations.ideal_lowpass import ideal_lowpass
from lit_invariance.mitigations.padding import circular_padding, reflect_padding
from lit_invariance.mitigations.polyphase import polyphase
from lit_invariance.mitigations.surgery import Change

__all__ = [
    "MITIGATIONS",
    "BlurPool2d",
    "Change",
    "adaptive_blur",
    "antialias",
    "apply_mitigations",
    "circular_padding",
    "ideal_lowpass",
    "polyphase",
    "reflect_padding",
]

MITIGATIONS: dict[str, Callable[..., list[Change]]] = {
    "blurpool": antialias,  # Zhang 2019, "Making convolutional networks shift-invariant again", arXiv 1904.11486
    "adaptive_blur": adaptive_blur,  # Zou et al. 2020, "Delving deeper into anti-aliasing in ConvNets"
    "ideal_lowpass": ideal_lowpass,  # Michaeli et al. 2023, "Alias-free convnets", arXiv 2303.08085
    "polyphase": polyphase,  # Chaman & Dokmanic 2021, "Truly shift-invariant convolutional neural networks"
    "circular_padding": circular_padding,
    "reflect_padding": reflect_padding,
}
PADDINGS_OF_NETWORKS = ("circular_padding", "reflect_padding")


def apply_mitigations(network: nn.Module, specs: Sequence[Spec]) -> list[Change]:
    """Apply the mitigations of a config to a network, in place and in their order.

    The padding of borders is changed last, wherever it is named, so that it reaches the layers the others put in.

    Args:
        network: The network to change.
        specs: Names, or `{name: {option: value}}`; see `MITIGATIONS`.

    Returns:
        What was changed and what was left, for every mitigation in turn.

    Raises:
        UserError: If a name or option is unknown, or a mitigation refuses the network.
    """
    changes: list[Change] = []
    for spec in sorted(specs, key=lambda spec: split_spec("mitigation", spec)[0] in PADDINGS_OF_NETWORKS):
        if split_spec("mitigation", spec)[0] == "translation":
            raise UserError("translation acts on training images and not on the network: set data.translation.")
        changes += build("mitigation", MITIGATIONS, spec, network=network)
    return changes
