"""What makes a network more invariant: each entry of `MITIGATIONS` changes a network in place and says what it did.

A config names one by its word and options: `mitigations: [blurpool]` or `mitigations: [{blurpool: {taps: 3}}]`.
"""

from collections.abc import Callable, Sequence

from torch import nn

from lit_invariance.errors import Spec, UserError, build, split_spec
from lit_invariance.mitigations.blurpool import BlurPool2d, antialias
from lit_invariance.mitigations.surgery import Change

__all__ = ["MITIGATIONS", "BlurPool2d", "Change", "antialias", "apply_mitigations"]

MITIGATIONS: dict[str, Callable[..., list[Change]]] = {
    "blurpool": antialias,  # Zhang 2019, "Making convolutional networks shift-invariant again", arXiv 1904.11486
}


def apply_mitigations(network: nn.Module, specs: Sequence[Spec]) -> list[Change]:
    """Apply the mitigations of a config to a network, in place and in their order.

    Args:
        network: The network to change.
        specs: Names, or `{name: {option: value}}`; see `MITIGATIONS`.

    Returns:
        What was changed and what was left, for every mitigation in turn.

    Raises:
        UserError: If a name or option is unknown, or a mitigation refuses the network.
    """
    changes: list[Change] = []
    for spec in specs:
        if split_spec("mitigation", spec)[0] == "translation":
            raise UserError("translation acts on training images and not on the network: set data.translation.")
        changes += build("mitigation", MITIGATIONS, spec, network=network)
    return changes
