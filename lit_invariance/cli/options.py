"""The evaluation command's options."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jsonargparse import Namespace

from lit_invariance.cli.signatures import signature_of
from lit_invariance.parser import OneSentenceErrors
from lit_invariance.version import version

ENTRY = re.compile(r"--data\.(\w+)\.")
# Stated here, because what they name takes seconds to import; a test compares them.
GROUPS = ("paper", "paper_v1", "released_script", "literature", "all")
DIAGNOSTICS = ("shiftability", "aliasing", "typicality", "size", "bias")


def make_parser() -> OneSentenceErrors:
    """Make the command's parser."""
    about = "Compare how often classifiers change their answer when the picture hardly changes."
    parser = OneSentenceErrors(prog="evaluate.py", description=about, version=version())
    parser.add_argument(
        "--models",
        nargs="+",
        type=str,
        help="Models as name=source; a source is a checkpoint, <backbone> (its published weights) or "
        "<backbone>@<weights> (none, a published name, a file, or file#entry where it holds several state dicts); "
        "<backbone>:299 has another input size than its recipe or the data, and '+shift_average' or '+{shift_average: "
        "{shifts: 2}}' behind a source adds a mitigation. Without --models, all of checkpoints/*/best.ckpt.",
    )
    parser.add_argument(
        "--reference",
        type=str | None,
        help="The model that the others are compared with. Without it, 'baseline' or else the first of --models; of "
        "all checkpoints, the only one without mitigations and translation, or else the first by name.",
    )
    parser.add_argument(
        "--protocols",
        nargs="+",
        type=str | dict[str, Any],
        default=["paper"],
        help=f"Protocols, as name or {{name: {{option: value}}}}, and groups of them: {', '.join(GROUPS)}. A film's "
        "frames are shown by centre_crop, whose options may be given.",
    )
    parser.add_argument(
        "--preprocessing",
        type=Literal["recipe", "fixed"],
        default="recipe",
        help="How pictures are resized and cropped: 'recipe' as the publisher of the weights does it, and those of a "
        "checkpoint as its training validated it; 'fixed' in one geometry for all, at data.image_size.",
    )
    parser.add_argument(
        "--video",
        type=str | None,
        help="A film, as a video file or a folder of frames, evaluated instead of a data set: from frame to frame.",
    )
    parser.add_argument(
        "--video_label",
        type=int | str | None,
        help="The film's true class, as the number of an output or an ImageNet synset; it gives accuracy.",
    )
    parser.add_argument(
        "--diagnose",
        nargs="+",
        type=str,
        default=[],
        help=f"Also measure why: {', '.join(DIAGNOSTICS)}. typicality needs training images, bias --diagnose_boxes.",
    )
    parser.add_argument(
        "--diagnose_images", type=int, default=50, help="Images that shiftability, aliasing and size look at."
    )
    parser.add_argument(
        "--diagnose_boxes", type=str | None, help="Bounding boxes: a folder of VOC XML, a COCO .json or a .csv file."
    )
    parser.add_argument("--output", type=str, default="results", help="Folder for the results.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the views and of the bootstrap.")
    draws = "Draws of each image's geometry, over which its scores are averaged; under protocols that draw one."
    parser.add_argument("--draws", type=int, default=1, help=draws)
    parser.add_argument("--max_images", type=int | None, help="Short for --data.max_images; of a film, the frames.")
    parser.add_argument("--accelerator", type=str, default="auto", help="cpu, gpu, ...")
    parser.add_argument("--devices", type=int | str, default="auto", help="Number of devices, or which.")
    parser.add_argument(
        "--precision",
        type=Literal["32-true", "bf16-mixed", "16-mixed"],
        default="32-true",
        help="Arithmetic of the networks; 32-true is float32 without TF32.",
    )
    parser.add_argument(
        "--cost", type=bool, default=True, help="Measure multiplications, latency and memory; a few seconds a model."
    )
    parser.add_argument(
        "--from",
        type=str | None,
        help="Draw tables, plots and report of an earlier evaluation's folder again, without models or data.",
    )
    parser.add_argument("--progress", type=bool, default=True, help="Show a progress bar.")
    data = signature_of("lit_invariance.data.datamodule", "InvarianceData")
    parser.add_class_arguments(data, "data", instantiate=False)
    return parser


@dataclass(frozen=True)
class Given:
    """What a command line says.

    Attributes:
        options: The options in it, and no others.
        changed: Data options of which it changes some entries only, as `--data.shapes.size 32` does.
    """

    options: Namespace
    changed: frozenset[str]


def parse(args: Sequence[str]) -> Given:
    """Read the command line.

    Args:
        args: The arguments.

    Raises:
        SystemExit: After an argument that cannot be read, or `--help`.
    """
    options: Namespace = make_parser().parse_args(list(args), defaults=False)
    return Given(options, frozenset(found[1] for word in args if (found := ENTRY.match(word))))
