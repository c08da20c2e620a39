"""The evaluation command's options, and what follows from those that were not given."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jsonargparse import Namespace

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.diagnostics.run import DIAGNOSTICS
from lit_invariance.errors import UserError
from lit_invariance.evaluation.geometry import RECIPE
from lit_invariance.evaluation.model_sources import ModelSource, choose_reference, find_sources
from lit_invariance.evaluation.precision import EXACT
from lit_invariance.evaluation.protocols import GROUPS
from lit_invariance.parser import OneSentenceErrors

# A training's batch is no guide: views are made of each image, and the progress bar moves once a batch.
LOADING: dict[str, Any] = {"batch_size": 32, "val_batch_size": None, "max_images": None}
ENTRY = re.compile(r"--data\.(\w+)\.")
WHICH_DATA = ("dataset", "root", "val_root", "val_fraction")
WHOLE_FOLDER: dict[str, Any] = {"dataset": "image_folder", "val_root": None, "val_fraction": 1.0}


def make_parser() -> OneSentenceErrors:
    """Make the command's parser."""
    about = "Compare how often classifiers change their answer when the picture hardly changes."
    parser = OneSentenceErrors(prog="evaluate.py", description=about)
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
        help=f"Protocols, as name or {{name: {{option: value}}}}, and groups of them: {', '.join(GROUPS)}.",
    )
    parser.add_argument(
        "--preprocessing",
        type=Literal["recipe", "fixed"],
        default=RECIPE,
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
    parser.add_argument("--max_images", type=int | None, help="Short for --data.max_images; of a film, the frames.")
    parser.add_argument("--accelerator", type=str, default="auto", help="cpu, gpu, ...")
    parser.add_argument("--devices", type=int | str, default="auto", help="Number of devices, or which.")
    parser.add_argument(
        "--precision",
        type=Literal["32-true", "bf16-mixed", "16-mixed"],
        default=EXACT,
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
    parser.add_class_arguments(InvarianceData, "data", instantiate=False)
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


@dataclass(frozen=True)
class Request:
    """What a command line asks for.

    Attributes:
        settings: Every option, the user's or what follows from them.
        models: What is compared.
        reference: Name of the model that the others are compared with.
        image_size: Side of inputs in pixels, where the user gave one.
    """

    settings: Namespace
    models: list[ModelSource]
    reference: str
    image_size: int | None


def parse(args: Sequence[str]) -> Given:
    """Read the command line.

    Args:
        args: The arguments.

    Raises:
        SystemExit: After an argument that cannot be read, or `--help`.
    """
    options: Namespace = make_parser().parse_args(list(args), defaults=False)
    return Given(options, frozenset(found[1] for word in args if (found := ENTRY.match(word))))


def settle(given: Given) -> Request:
    """Fill in what the user left open; of the data it is what the reference model was trained on.

    Where the reference is no checkpoint, the first checkpoint decides. The images are then those that validated the
    training. A folder that no training has split is evaluated as a whole.

    Args:
        given: What the user wrote.

    Returns:
        All options and models. Models that the user listed keep their order; of all checkpoints the reference comes
        first.

    Raises:
        UserError: If a model is refused, or the models were trained on different data and none was given.
    """
    listed = given.options.get("models")
    sources = find_sources(listed)
    reference = choose_reference(sources, given.options.get("reference"), listed=listed is not None)
    reference_first = sorted(sources, key=lambda source: source.name != reference)
    trained_on = dict(next((source.data for source in reference_first if source.data), WHOLE_FOLDER | {"root": None}))
    settings = _completed(given, trained_on | LOADING)
    if (settings.data.dataset, settings.data.root) == (trained_on["dataset"], trained_on["root"]):
        _same_data(sources, trained_on)
    else:
        # `shapes` has no root, so a root that was given means another data set.
        kind = {"dataset": trained_on["dataset"]} if trained_on["root"] else {}
        settings = _completed(given, trained_on | LOADING | WHOLE_FOLDER | kind)
    if settings.max_images is not None:
        settings.data.max_images = settings.max_images
    models = reference_first if listed is None else sources
    return Request(settings, models, reference, given.options.get("data.image_size"))


def _completed(given: Given, data: Mapping[str, Any]) -> Namespace:
    """Lay the user's options over the data's; a checkpoint of another version may hold more than there are today."""
    settings = make_parser().get_defaults()
    for name in settings.data.as_dict().keys() & data.keys():
        settings.data[name] = data[name]
    before = settings.data.clone()
    settings.update(given.options)
    for name in given.changed:
        settings.data[name] = {**(before[name] or {}), **settings.data[name]}
    return settings


def _same_data(sources: Sequence[ModelSource], trained_on: Mapping[str, Any]) -> None:
    """Refuse to evaluate a model on pictures it may have been trained on, or that have nothing to do with it."""
    for source in sources:
        for option in WHICH_DATA if source.data else ():
            own, reference = source.data.get(option), trained_on.get(option)  # type: ignore[union-attr]
            if own != reference:
                raise UserError(
                    f"{source.name} was trained with data.{option} {own}, the reference with {reference}; choose what "
                    "to compare with --models, or name the data with --data.dataset and --data.root."
                )
