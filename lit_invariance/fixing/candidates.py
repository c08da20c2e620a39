"""What the recipe tries: networks to train, and what is put in front of them at inference."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lit_invariance.registry import Spec

PLAIN = "plain"
HEAD_LR = 5.0
# Put in front of a network: a fixed phase, and where the network is unsure the mean over moves. They are so far apart
# that what they add to the answer has little in common; what moves by one or two pixels add is alike.
ALIGN = {"grid": 4}
AVERAGE = {"shifts": 3, "step": 5, "gate": 0.3}
# For networks that have seen objects in one place and answer worse when all pictures are moved.
UNSURE = {"gate": 0.2}
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


def steadied(arm: Arm) -> Candidate:
    """Put `content_align` in front of a network, and `shift_average` for the pictures that it is not sure of."""
    return Candidate(arm, ({"content_align": ALIGN}, {"shift_average": AVERAGE}), "alignment + gated average")


def gated(arm: Arm) -> Candidate:
    """Put both in front of a network for the pictures that it is not sure of."""
    both: tuple[Spec, ...] = ({"content_align": {**ALIGN, **UNSURE}}, {"shift_average": AVERAGE})
    return Candidate(arm, both, "gated alignment + gated average")


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
        return [[Candidate(plain), steadied(plain), gated(plain)], [steadied(moved), Candidate(moved)]]
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
    return [[Candidate(plain), steadied(head), Candidate(head), steadied(plain)], [steadied(moved), Candidate(moved)]]
