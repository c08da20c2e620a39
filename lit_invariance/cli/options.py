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
# Repeated here because importing the modules that define them takes seconds; a test compares them.
GROUPS = ("paper", "paper_v1", "released_script", "literature", "all")
DIAGNOSTICS = ("shiftability", "aliasing", "periodicity", "equivariance", "typicality", "size", "bias")


def make_parser() -> OneSentenceErrors:
    """Make the command's parser."""
    about = "Compare how often classifiers change their answer when the image hardly changes."
    parser = OneSentenceErrors(prog="evaluate.py", description=about, version=version())
    parser.add_argument(
        "--models",
        nargs="+",
        type=str,
        help="Models as name=source. A source is a checkpoint, <backbone> (with its published weights), "
        "<backbone>@<weights> (none, a published name, a file, or file#entry if the file holds several state dicts), "
        "or an exported file (.onnx, .pt2, OpenVINO). "
        "<backbone>:299 sets the input size; without it, the recipe or the data set it. '+shift_average' or "
        "'+{shift_average: {shifts: 2}}' after a source adds a mitigation. Without --models, all of "
        "checkpoints/*/best.ckpt; before the first training, those of checkpoints/released/shapes.",
    )
    parser.add_argument(
        "--reference",
        type=str | None,
        help="The model that the others are compared with. Default: the model named 'baseline' if there is one, "
        "otherwise the first of --models. Without --models: the only checkpoint that was trained without mitigations "
        "and translation, otherwise the first by name.",
    )
    parser.add_argument(
        "--protocols",
        nargs="+",
        type=str | dict[str, Any],
        default=["paper"],
        help=f"Protocols, as name or {{name: {{option: value}}}}, and groups of protocols: {', '.join(GROUPS)}. The "
        "frames of a video are always shown by centre_crop; its options can be given here.",
    )
    parser.add_argument(
        "--preprocessing",
        type=Literal["recipe", "fixed"],
        default="recipe",
        help="How images are resized and cropped. 'recipe': as the publisher of the weights does it; for a checkpoint, "
        "as in the validation during its training. 'fixed': the same geometry for all models, at data.image_size.",
    )
    parser.add_argument(
        "--video",
        type=str | None,
        help="A video file or a folder of frames. It is evaluated from frame to frame, instead of a data set.",
    )
    parser.add_argument(
        "--video_label",
        type=int | str | None,
        help="The true class of the video, as an output number or an ImageNet synset. With it, accuracy is measured.",
    )
    parser.add_argument(
        "--anchors",
        type=str | None,
        help="With --video, a folder of films or one film: a .csv table of anchor frames with their labels. Measures "
        "vid_robust: whether an answer that is right at an anchor is right at all frames near it.",
    )
    parser.add_argument(
        "--anchor_reach", type=int, default=10, help="k: how many frames before and after an anchor are near it."
    )
    classes = (
        "A .csv table of sets of outputs that count as one answer, or imagenet_vid for the classes of ImageNet VID."
    )
    parser.add_argument("--anchor_classes", type=str | None, help=classes)
    parser.add_argument(
        "--diagnose",
        nargs="+",
        type=str,
        default=[],
        help=f"Also measure why answers change: {', '.join(DIAGNOSTICS)}. typicality needs training images; bias needs "
        "--diagnose_boxes.",
    )
    parser.add_argument(
        "--diagnose_images", type=int, default=50, help="Number of images for all of these but typicality and bias."
    )
    parser.add_argument(
        "--diagnose_boxes", type=str | None, help="Bounding boxes: a folder of VOC XML, a COCO .json or a .csv file."
    )
    parser.add_argument("--output", type=str, default="results", help="Folder for the results.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the views and of the bootstrap.")
    draws = "For protocols with a random geometry: number of draws for each image. Its scores are averaged over them."
    parser.add_argument("--draws", type=int, default=1, help=draws)
    parser.add_argument(
        "--max_images", type=int | None, help="Short for --data.max_images; for a video, frames or anchors."
    )
    parser.add_argument("--accelerator", type=str, default="auto", help="cpu, gpu, ...")
    parser.add_argument("--devices", type=int | str, default="auto", help="How many devices, or which ones.")
    nodes = "Machines that share the pictures; the same command is started on each, as torchrun and SLURM do."
    parser.add_argument("--num_nodes", type=int, default=1, help=nodes)
    parser.add_argument(
        "--precision",
        type=Literal["32-true", "bf16-mixed", "16-mixed"],
        default="32-true",
        help="Arithmetic of the networks; 32-true is float32 without TF32.",
    )
    parser.add_argument(
        "--compile",
        type=Literal["auto", "true", "false"],
        default="auto",
        help="Compile the networks, some seconds each. 'auto': where there is enough to answer that it pays.",
    )
    parser.add_argument(
        "--embedding",
        type=bool,
        default=False,
        help="Also measure how much the penultimate features of neighbouring views differ: their cosine.",
    )
    parser.add_argument(
        "--cost", type=bool, default=True, help="Measure multiplications, latency and memory; a few seconds per model."
    )
    bound = "Bounds as protocol.score=limit, such as crop.top1_change=0.05"
    parser.add_argument(
        "--fail_above",
        nargs="+",
        type=str,
        default=[],
        help=f"{bound}: a model above one makes the exit code 1. The verdicts are also written to junit.xml.",
    )
    parser.add_argument(
        "--fail_below", nargs="+", type=str, default=[], help=f"{bound}: a model below one makes the exit code 1."
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="The whole interval of a score must keep its bound, not its mean alone.",
    )
    parser.add_argument(
        "--from",
        type=str | None,
        help="Folder of an earlier evaluation. Its tables, plots and report are made again, without models or data.",
    )
    parser.add_argument("--progress", type=bool, default=True, help="Show a progress bar.")
    data = signature_of("lit_invariance.data.datamodule", "InvarianceData")
    parser.add_class_arguments(data, "data", instantiate=False)
    return parser


@dataclass(frozen=True)
class Given:
    """What a command line says.

    Attributes:
        options: Only the options that were given.
        changed: Data options of which only some entries are changed, as by `--data.shapes.size 32`.
    """

    options: Namespace
    changed: frozenset[str]


def parse(args: Sequence[str]) -> Given:
    """Read the command line.

    Args:
        args: The arguments.

    Raises:
        SystemExit: If an argument cannot be read, or after `--help`.
    """
    options: Namespace = make_parser().parse_args(list(args), defaults=False)
    return Given(options, frozenset(found[1] for word in args if (found := ENTRY.match(word))))
