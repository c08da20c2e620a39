"""What the recipe tries: networks to train, and what is put in front of them at inference."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lit_invariance.registry import Spec

PLAIN = "plain"
HEAD_LR = 5.0
GRID, GATE = 4, 0.2
# Half crops and half small pictures on black, which is what the failure tests show.
MOVED = {
    "kind": "any_of",
    "of": [{"kind": "crop", "scale": [0.25, 1.0]}, {"kind": "affine", "scale": [0.39, 1.0], "max_shift": 0.3}],
}


@dataclass(frozen=True)
class Arm:
    """A network that the recipe makes from the weights.

    Attributes:
        name: Its name in tables.
        about: How it is made, in words that can follow its name.
        trained: Whether it is trained; otherwise it has the weights as they are.
        times_lr: Factor of the learning rate in the config.
        model: What replaces options of the model in the config.
        data: What replaces options of the data in the config.
    """

    name: str
    about: str
    trained: bool = True
    times_lr: float = 1.0
    model: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """A network together with what it does at inference.

    Attributes:
        arm: The network.
        inference: The inference wrappers, the first one seeing the picture first.
        about: What the wrappers do, in words; empty without any.
    """

    arm: Arm
    inference: tuple[Spec, ...] = ()
    about: str = ""

    @property
    def name(self) -> str:
        """Its name in tables."""
        return f"{self.arm.name} + {self.about}" if self.about else self.arm.name


def aligned(arm: Arm) -> Candidate:
    """Put `content_align` in front of a network."""
    return Candidate(arm, ({"content_align": {"grid": GRID}},), "alignment")


def gated(arm: Arm) -> Candidate:
    """Put `content_align` in front of a network for the pictures that it is not sure of."""
    return Candidate(arm, ({"content_align": {"grid": GRID, "gate": GATE}},), "gated alignment")


def stages(fine_tuned: bool, labelled: bool) -> list[list[Candidate]]:
    """Return what is compared, the cheapest first; later stages are tried where the earlier ones do not help enough.

    The first candidate is the plain network as it is. The others are in the order in which they are likely to be best,
    as measured in `docs/choosing.md`; it decides where the held-out pictures do not.

    Args:
        fine_tuned: Whether the weights answer in the classes of the data already; otherwise a plain network must be
            trained first.
        labelled: Whether the pictures have labels.
    """
    if fine_tuned:
        plain = Arm(PLAIN, "the weights as they are", trained=False)
        distillation = {"distillation": {"label_weight": 0.5 if labelled else 0.0}}
        moved = Arm(
            "moved",
            "taught by the plain network on moved pictures, its batch-norm statistics kept",
            model={"freeze_batch_norm": True, "mitigations": [distillation, "consistency"]},
            data={"translation": MOVED},
        )
        return [[Candidate(plain), aligned(plain), gated(plain)], [aligned(moved), Candidate(moved)]]
    plain = Arm(PLAIN, "fine-tuned as the config says")
    head = Arm(
        "head",
        "its classification layer trained alone, at five times the learning rate",
        model={"freeze_batch_norm": True, "backbone_lr": 0.0},
        times_lr=HEAD_LR,
    )
    moved = Arm(
        "moved",
        "fine-tuned on moved pictures with a consistency term, its batch-norm statistics kept",
        model={"freeze_batch_norm": True, "mitigations": ["consistency"]},
        data={"translation": MOVED},
    )
    return [[Candidate(plain), aligned(head), Candidate(head), aligned(plain)], [aligned(moved), Candidate(moved)]]
