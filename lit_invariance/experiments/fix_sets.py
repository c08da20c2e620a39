"""Does `fix.yaml` help a person with few photos? Random sets of three classes, fixed and measured on other photos.

`python -m lit_invariance.experiments.fix_sets --pictures DIR --weights FILE` fixes a published network on each set and
compares it with the plain network on photos that neither has seen. Called again, it does what is missing.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from lit_invariance.cli.allocator import keep_freed_memory
from lit_invariance.cli.run_folder import CHECKPOINTS
from lit_invariance.cli.train import train
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.evaluation.data import EvaluationData
from lit_invariance.evaluation.geometry import Geometry
from lit_invariance.evaluation.model_sources import parse_source
from lit_invariance.evaluation.models import load_models
from lit_invariance.evaluation.precision import EXACT
from lit_invariance.evaluation.protocols import choose_protocols
from lit_invariance.evaluation.runner import make_trainer, run
from lit_invariance.evaluation.summary import summarise
from lit_invariance.experiments.photo_sets import PhotoSet, photo_set
from lit_invariance.files import replacing, writable_folder
from lit_invariance.fixing.record import RECORD
from lit_invariance.parser import OneSentenceErrors, run_command
from lit_invariance.results.schema import Row

PROTOCOLS = ("centre_crop", "crop", "embed_black")
SCORES = (("centre_crop", "accuracy"), ("crop", "top1_change"), ("embed_black", "top1_change"))
DRAWS = 8  # a change is rare: of a hundred photos one or two, and others in each draw


def make_parser() -> OneSentenceErrors:
    """Make the command's parser."""
    about = "Fix a published network on random sets of 60 photos, and compare it with the plain one on other photos."
    parser = OneSentenceErrors(prog="python -m lit_invariance.experiments.fix_sets", description=about)
    parser.add_argument("--pictures", type=str, required=True, help="Folder of ImageNet pictures; see `photo_sets`.")
    parser.add_argument("--backbone", type=str, default="torchvision/mobilenet_v2", help="The network.")
    parser.add_argument("--weights", type=str, default="default", help="Its weights.")
    parser.add_argument("--sets", nargs="+", type=int, default=list(range(5)), help="Numbers of the sets.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the trainings.")
    parser.add_argument("--output", type=str, default="results/fix_sets", help="Folder for the results.")
    return parser


def run_sets(args: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Run the experiment, or what is missing of it; each finished set is a file of the output folder.

    Args:
        args: Command-line arguments; None takes the process's own.

    Raises:
        UserError: If the user must fix something.
        SystemExit: With code 2 after a bad argument, 0 after `--help`.
    """
    settings = make_parser().parse_args(sys.argv[1:] if args is None else list(args))
    output = writable_folder(Path(settings.output))
    done = []
    for number in settings.sets:
        name = f"{settings.backbone.rpartition('/')[2]}_set{number}_seed{settings.seed}"
        path = output / f"{name}.json"
        if not path.is_file():
            photos = photo_set(number, Path(settings.pictures), output / "sets" / str(number))
            result = _fixed_and_measured(f"fix_sets/{name}", photos, settings)
            with replacing(path) as temporary:
                temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        done.append(json.loads(path.read_text(encoding="utf-8")))
    print("\n".join([*table(done), "", *held_out_table(done)]))
    return done


def _fixed_and_measured(name: str, photos: PhotoSet, settings: Any) -> dict[str, Any]:
    folder = CHECKPOINTS / name
    arguments = {
        "config": "fix.yaml",
        "name": name,
        "seed_everything": settings.seed,
        "model.backbone": settings.backbone,
        "model.weights": settings.weights,
        "data.root": photos.training,
        "data.num_workers": 0,
    }
    train([word for option, value in arguments.items() for word in (f"--{option}", str(value))])
    data = InvarianceData("image_folder", root=str(photos.test), val_fraction=1.0, num_workers=0)
    models = load_models(
        [parse_source(f"plain={folder}/plain.ckpt"), parse_source(f"fixed={folder}/best.ckpt")],
        data.num_classes,
        Geometry(),
        settings.seed,
    )
    trainer = make_trainer("auto", 1, EXACT, progress=False)
    outcomes, _ = run(trainer, models, choose_protocols(PROTOCOLS), EvaluationData.of(data), settings.seed, draws=DRAWS)
    return {
        "classes": list(photos.classes),
        "test_pictures": len(outcomes.indices),
        "fix": json.loads((folder / RECORD).read_text(encoding="utf-8")),
        "rows": [
            row for row in summarise(outcomes, "plain", settings.seed) if (row["protocol"], row["score"]) in SCORES
        ],
    }


def table(done: Sequence[dict[str, Any]]) -> list[str]:
    """Lay the sets out as a Markdown table, with the means over sets in the last row.

    Args:
        done: The results of the sets.
    """
    head = ["classes", "chosen", *(f"{score.removeprefix('top1_')}, {protocol}" for protocol, score in SCORES)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for one in done:
        cells = [_cell(one["rows"], protocol, score) for protocol, score in SCORES]
        lines.append("| " + " | ".join([", ".join(one["classes"]), one["fix"]["chosen"], *cells]) + " |")
    return [*lines, "| " + " | ".join(["mean", "", *(_mean_cell(done, *column) for column in SCORES)]) + " |"]


def held_out_table(done: Sequence[dict[str, Any]]) -> list[str]:
    """Lay out what each candidate reached on the held-out photos, as the mean over the sets in which it was tried.

    Args:
        done: The results of the sets.
    """
    protocols = done[0]["fix"]["protocols"]
    head = ["held out", "sets", "accuracy", *(f"change, {protocol}" for protocol in protocols), "chosen in"]
    tried: dict[str, list[dict[str, Any]]] = {}
    for one in done:
        for candidate in one["fix"]["candidates"]:
            tried.setdefault(candidate["name"], []).append(candidate)
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, found in tried.items():
        means = np.mean([[one["accuracy"], *one["changes"]] for one in found], 0)
        chosen = sum(one["fix"]["chosen"] == name for one in done)
        lines.append("| " + " | ".join([name, str(len(found)), *map(_short, means), str(chosen)]) + " |")
    return lines


def _cell(rows: Sequence[Row], protocol: str, score: str) -> str:
    plain, fixed = (_row(rows, model, protocol, score) for model in ("plain", "fixed"))
    mean, low, high = (fixed[end] or 0 for end in ("difference", "difference_low", "difference_high"))
    return _change(plain["mean"], fixed["mean"], mean, low, high)


def _mean_cell(done: Sequence[dict[str, Any]], protocol: str, score: str) -> str:
    """The mean over sets; its interval adds theirs by the method of variance estimates recovery, Zou & Donner 2008."""
    plain, fixed = ([_row(one["rows"], model, protocol, score) for one in done] for model in ("plain", "fixed"))
    mean, low, high = (
        np.array([row[end] or 0 for row in fixed]) for end in ("difference", "difference_low", "difference_high")
    )
    down, up = (float(np.sqrt((part**2).sum())) / len(done) for part in (mean - low, high - mean))
    middle = float(mean.mean())
    before, after = (fmean(row["mean"] or 0 for row in rows) for rows in (plain, fixed))
    return _change(before, after, middle, middle - down, middle + up)


def _change(plain: float | None, fixed: float | None, mean: float, low: float, high: float) -> str:
    signed, least, most = (f"{value:+.3f}".replace("0.", ".") for value in (mean, low, high))
    return f"{_short(plain)} -> {_short(fixed)} ({signed} [{least}, {most}])"


def _row(rows: Sequence[Row], model: str, protocol: str, score: str) -> Row:
    return next(row for row in rows if (row["model"], row["protocol"], row["score"]) == (model, protocol, score))


def _short(value: float | None) -> str:
    return f"{value or 0:.3f}".replace("0.", ".", 1)


if __name__ == "__main__":
    keep_freed_memory()
    run_command(run_sets)
