"""The command that exports a network: `python -m lit_invariance export SOURCE --to FILE`."""

from collections.abc import Sequence
from typing import Any, Literal

from jsonargparse import Namespace

from lit_invariance.cli.signatures import signature_of
from lit_invariance.parser import OneSentenceErrors

OPTIONS = ("normalisation", "results", "max_images", "seed", "progress")
IMAGES = 50  # repeated here because importing the module that defines it takes seconds; a test compares them


def make_parser() -> OneSentenceErrors:
    """Make the command's parser."""
    parser = OneSentenceErrors(
        prog="python -m lit_invariance export",
        description="Write a network to a file for other programs, compare its answers with PyTorch's, and write a "
        "model card.",
    )
    parser.add_argument(
        "source", type=str, help="The network, as evaluate.py --models takes it: [name=]source[+mitigation...]."
    )
    parser.add_argument("--to", type=str, required=True, help="The file: .onnx, .pt2 or .safetensors (weights alone).")
    parser.add_argument(
        "--normalisation",
        type=Literal["inside", "outside"],
        default="inside",
        help="'inside': the file takes pictures in [0, 1]. 'outside': it takes (picture - mean) / std.",
    )
    parser.add_argument(
        "--results", type=str | None, help="Folder with the results of evaluate.py of this network, for the model card."
    )
    parser.add_argument("--max_images", type=int, default=IMAGES, help="Pictures to compare the answers on.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the views.")
    parser.add_argument("--progress", type=bool, default=True, help="Show a progress bar.")
    # What the answers are compared on; without any of them, on the built-in shapes.
    data = signature_of("lit_invariance.data.datamodule", "InvarianceData")
    parser.add_class_arguments(data, "data", instantiate=False)
    return parser


def export(args: Sequence[str]) -> None:
    """Export as `python -m lit_invariance export` does.

    Args:
        args: Command-line arguments behind `export`.

    Raises:
        UserError: If the user must fix something.
        SystemExit: With code 2 after a bad argument, 0 after `--help`.
    """
    given: Namespace = make_parser().parse_args(list(args), defaults=False)
    # Only now, so that --help and mistakes in the command line are answered at once.
    from lit_invariance.data.datamodule import InvarianceData
    from lit_invariance.shipping.ship import export as ship

    options = {name: given[name] for name in OPTIONS if name in given}
    chosen = given.data.as_dict() if "data" in given else {}
    size = chosen.get("image_size")
    data = InvarianceData(**_all_of(chosen, options)) if chosen.keys() - {"image_size"} else None
    print(ship(given.source, given.to, data, image_size=size, **options).text())


def _all_of(chosen: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """The options of the data; a folder is taken as a whole, and labels do not matter."""
    from lit_invariance.data.kinds import dataset_at

    whole = {"dataset": dataset_at(str(chosen["root"])), "val_fraction": 1.0} if "root" in chosen else {}
    most = {"max_images": options["max_images"]} if "max_images" in options else {}
    return {"max_images": IMAGES, **whole, **most, **chosen}
