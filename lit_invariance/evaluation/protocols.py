"""The protocols an evaluation runs: names, groups and options of the command line, made into protocol objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pytorch_lightning.utilities import rank_zero_info

from lit_invariance.errors import UserError, unknown
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.protocols import PROTOCOLS, Protocol, ReleasedScript
from lit_invariance.protocols.released_script import SHARES
from lit_invariance.protocols.window import Size, sides
from lit_invariance.registry import Spec, parse_spec

RELEASED_SCRIPT: tuple[Spec, ...] = tuple({ReleasedScript.name: {"share": share}} for share in SHARES)

ALL = "all"
GROUPS: dict[str, tuple[Spec, ...]] = {
    "paper": ("centre_crop", "crop", "embed_black", "embed_inpaint", "scale_black"),
    "paper_v1": ("centre_crop", "sweep_inpaint", "sweep_crop", "size_sweep", "scale_sweep"),
    "released_script": RELEASED_SCRIPT,
    "literature": (
        "crop_agreement",
        "diagonal",
        "circular",
        "circular_fractional",
        "shift_grid",
        "rings",
        "crop_fractional",
        "imagenet_p_translate",
        "imagenet_p_scale",
        "zero_fill",
        "object_scale",
        "preprocessing",
    ),
    ALL: (*(name for name in PROTOCOLS if name != ReleasedScript.name), *RELEASED_SCRIPT),
}

DEFAULT: tuple[Spec, ...] = ("paper",)
NAMES = tuple(dict.fromkeys([*GROUPS, *PROTOCOLS]))
ELSEWHERE = {"video": "--video FILM", "vid_robust": "--video FOLDER --anchors FILE.csv"}
"""What is no protocol here, though the results call it one, because its views are not made of single pictures."""


@dataclass(frozen=True)
class ProtocolChoice:
    """A protocol with its options, before the network's input is known.

    Attributes:
        name: A key of `PROTOCOLS`.
        options: What the user set.
    """

    name: str
    options: dict[str, Any]

    @property
    def label(self) -> str:
        """The name, followed by the options where there are any: `embed_black(min_side=80)`."""
        written = ", ".join(f"{option}={value}" for option, value in self.options.items())
        return f"{self.name}({written})" if written else self.name

    def build(self, preprocessing: Preprocessing) -> Protocol:
        """Make the protocol for networks that expect the same preprocessing.

        Args:
            preprocessing: What they expect.

        Raises:
            UserError: If an option is unknown or its value refused.
        """
        return preprocessing.protocol({self.name: self.options})


def choose_protocols(specs: Sequence[Spec], size: Size = 224) -> list[ProtocolChoice]:
    """Resolve what `--protocols` lists.

    Args:
        specs: Names of protocols or groups, or `{name: {option: value}}`. `released_script` alone is the group of the
            script's seven sizes, and with options one of them.
        size: Side of the input in pixels, or (H, W). The group `all` leaves out what is for square inputs only.

    Returns:
        The choices in order, without repetition.

    Raises:
        UserError: If a name is unknown, or a group is given options.
    """
    choices: dict[str, ProtocolChoice] = {}
    for spec in specs:
        members = _members(spec)
        if spec == ALL and len({*sides(size)}) > 1:
            members = tuple(member for member in members if member not in RELEASED_SCRIPT)
            rank_zero_info(f"left out:    {ReleasedScript.name}, which is for square inputs only")
        for member in members:
            choice = ProtocolChoice(*parse_spec("protocol", member))
            choices[choice.label] = choice
    if not choices:
        raise UserError(f"no protocol to evaluate; name one of {', '.join(NAMES)}.")
    return list(choices.values())


def without_labels(choices: Sequence[ProtocolChoice], size: Size) -> tuple[list[ProtocolChoice], list[ProtocolChoice]]:
    """Divide protocols into those that can be measured on pictures without labels, and those of a single view.

    Args:
        choices: The protocols.
        size: Side of the input in pixels, or (H, W).

    Raises:
        UserError: If all of them show a single view, about which only a label says anything.
    """
    single = [choice for choice in choices if len(choice.build(Preprocessing(size=size)).steps) < 2]
    if len(single) == len(choices):
        raise UserError(
            f"the pictures have no labels, but {single[0].label} shows a single view, whose scores all need them; name "
            "a protocol with neighbouring views, such as crop."
        )
    return [choice for choice in choices if choice not in single], single


def without_boxes(choices: Sequence[ProtocolChoice], specs: Sequence[Spec]) -> list[ProtocolChoice]:
    """Take away the protocols that cannot be measured on pictures whose objects have no known boxes.

    Args:
        choices: The protocols.
        specs: What `--protocols` lists. A group loses them, and a line says so.

    Raises:
        UserError: If one of them is named itself, or nothing is left.
    """
    lacking = [choice for choice in choices if PROTOCOLS[choice.name].needs_boxes]
    left = [choice for choice in choices if choice not in lacking]
    named = {parse_spec("protocol", spec)[0] for spec in specs}
    for choice in lacking:
        if choice.name in named or not left:
            raise UserError(
                f"{choice.label} needs the boxes of the objects, and these data have none; name their folder with "
                "--data.boxes, or leave the protocol out."
            )
        rank_zero_info(f"left out:    {choice.label}, which needs the boxes of the objects (--data.boxes)")
    return left


def _members(spec: Spec) -> tuple[Spec, ...]:
    """The protocols of a name or a group; a protocol's name with options never means the group."""
    name, options = parse_spec("protocol", spec)
    if name in GROUPS and not options:
        return GROUPS[name]
    if name in PROTOCOLS:
        return (spec,)
    if name in GROUPS:
        members = ", ".join(parse_spec("protocol", member)[0] for member in GROUPS[name])
        raise UserError(f"'{name}' is a group of protocols and takes no options; give them to one of {members}.")
    if name in ELSEWHERE:
        raise UserError(f"{name} is measured by options of its own: {ELSEWHERE[name]}; leave it out of --protocols.")
    raise unknown("protocol or group", name, NAMES)
