"""The arms of the study: what each changes of the network that all of them begin with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lit_invariance.registry import Spec

BASE, CONTROL = "plain", "control"
BASE_CONFIG, ARM_CONFIG = "resnet14_cifar10.yaml", "tune_cifar10.yaml"
# After surgery the statistics of batch normalisation no longer fit; see docs/mitigations.md.
REESTIMATED = {"model.reestimate_batch_norm": "2000"}


@dataclass(frozen=True)
class Arm:
    """One row of the table.

    Attributes:
        trained: Options that differ from `ARM_CONFIG`; None for the base itself, which is not trained on.
        added: What is wrapped around the network at inference, as `--models` takes it.
        about: What it is, in words.
    """

    about: str
    trained: Mapping[str, str] | None = field(default_factory=dict)
    added: str = ""


ARMS: dict[str, Arm] = {
    BASE: Arm("the network that all others begin with", trained=None),
    "content_align": Arm("the same, each picture moved by its own content", None, "+{content_align: {grid: 4}}"),
    "shift_average": Arm("the same, averaged over 2 x 2 shifts", None, "+{shift_average: {shifts: 2}}"),
    CONTROL: Arm("one more epoch, pictures not moved"),
    "translation": Arm("one more epoch, pictures moved by up to 4 px", {"data.translation": "{kind: pad, pixels: 4}"}),
    "blurpool": Arm("BlurPool, 3 taps", {"model.mitigations": "[{blurpool: {taps: 3}}]", **REESTIMATED}),
    "consistency": Arm("the consistency loss", {"model.mitigations": "[{consistency: {shift: 4}}]"}),
    "blurpool_translation": Arm(
        "BlurPool and moved pictures",
        {
            "model.mitigations": "[{blurpool: {taps: 3}}]",
            "data.translation": "{kind: pad, pixels: 4}",
            **REESTIMATED,
        },
    ),
    "polyphase_circular": Arm(
        "polyphase sampling and circular padding", {"model.mitigations": "[polyphase, circular_padding]", **REESTIMATED}
    ),
    "distilled_blurpool": Arm(
        "BlurPool, taught by the base averaged over 2 moves, without labels",
        {"model.mitigations": "[{blurpool: {taps: 3}}, {distillation: {shift: 4}}]", **REESTIMATED},
    ),
}


@dataclass(frozen=True)
class Part:
    """Protocols that are shown on the same pictures.

    Attributes:
        protocols: As `evaluate` takes them.
        images: How many test pictures, chosen at random; None for all.
    """

    protocols: tuple[Spec, ...]
    images: int | None = None


PARTS = {
    "all": Part(("centre_crop", "zero_fill", "circular", "circular_fractional", {"scale_black": {"min_side": 28}})),
    "grid": Part(({"shift_grid": {"m": 1}},), images=2000),
}
