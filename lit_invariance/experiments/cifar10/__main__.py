"""Train and measure every arm on CIFAR-10, and write the page of it: `python -m lit_invariance.experiments.cifar10`.

What is there already stays: a training that was stopped is resumed, and a finished one is not repeated. The arms that
come with the project, of seed 0, are not trained again either; another seed is.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from lit_invariance.api.evaluate import evaluate
from lit_invariance.cli.allocator import keep_freed_memory
from lit_invariance.cli.train import train
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.errors import see_known
from lit_invariance.experiments.cifar10.arms import ARM_CONFIG, ARMS, BASE, BASE_CONFIG, PARTS, Arm
from lit_invariance.experiments.cifar10.page import page
from lit_invariance.files import replacing
from lit_invariance.parser import OneSentenceErrors, run_command
from lit_invariance.results.reading import RESULTS
from lit_invariance.training.checkpoint_files import BEST

RUNS, CHECKPOINTS = "cifar10", Path("checkpoints")
SHIPPED, SHIPPED_SEED = CHECKPOINTS / "released" / "cifar10", 0


def make_parser() -> OneSentenceErrors:
    """Make the command's parser."""
    about = "Train and measure every mitigation on CIFAR-10; what is there already stays."
    parser = OneSentenceErrors(prog="python -m lit_invariance.experiments.cifar10", description=about)
    parser.add_argument("--root", type=str, default="data", help="The folder that holds cifar-10-batches-py.")
    parser.add_argument("--arms", nargs="+", type=str, default=list(ARMS), help=f"Some of {', '.join(ARMS)}.")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="Each arm is trained once for each.")
    parser.add_argument("--output", type=str, default="results/cifar10", help="Folder for the measurements.")
    parser.add_argument("--page", type=str | None, help="The page to write; without it, it is printed.")
    return parser


def study(args: Sequence[str] | None = None) -> str:
    """Do what is missing, and return the page.

    Args:
        args: Command-line arguments; None takes the process's own.

    Raises:
        UserError: If an arm is unknown, or training or measuring refuses something.
    """
    settings = make_parser().parse_args(sys.argv[1:] if args is None else list(args))
    see_known("arm", settings.arms, ARMS)
    output = Path(settings.output)
    for seed in settings.seeds:
        for name in settings.arms:
            if ARMS[name].trained is not None or seed == settings.seeds[0]:
                _measured(name, seed, settings.root, output)
    text = page(output)
    if settings.page is None:
        print(text)
    else:
        with replacing(Path(settings.page)) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return text


def _measured(name: str, seed: int, root: str, output: Path) -> None:
    """Measure an arm, trained with a seed, unless that was done."""
    arm = ARMS[name]
    missing = [part for part in PARTS if not (output / part / f"{name}_s{seed}" / RESULTS).is_file()]
    if not missing:
        return
    checkpoint = base(root) if arm.trained is None else _trained(name, arm, seed, root)
    for part in missing:
        folder, shown = output / part / f"{name}_s{seed}", PARTS[part]
        data = InvarianceData("CIFAR10", root, image_size=32, batch_size=32, max_images=shown.images)
        source = {name: f"{checkpoint}{arm.added}"}
        evaluate(source, data, shown.protocols, progress=False, unfinished=folder).save(folder)


def base(root: str) -> Path:
    """Return the checkpoint that all arms begin with: the one that comes with the project, else it is trained."""
    return _shipped(BASE) or _run(BASE_CONFIG, BASE, {"data.root": root})


def _shipped(name: str) -> Path | None:
    path = SHIPPED / name / "model.safetensors"
    return path if path.is_file() else None


def _trained(name: str, arm: Arm, seed: int, root: str) -> Path:
    shipped = _shipped(name) if seed == SHIPPED_SEED else None
    if shipped is not None:
        return shipped
    options = {"data.root": root, "model.weights": str(base(root)), "seed_everything": str(seed), **(arm.trained or {})}
    return _run(ARM_CONFIG, f"{name}_s{seed}", options)


def _run(config: str, name: str, options: dict[str, str]) -> Path:
    """Train as `train.py` does, unless that was done; the best checkpoint is written at the end alone."""
    best = CHECKPOINTS / RUNS / name / BEST
    if not best.is_file():
        given = {"config": config, "name": f"{RUNS}/{name}", "ckpt_path": "auto", **options}
        given["trainer.enable_model_summary"] = "false"
        train([word for option, value in given.items() for word in (f"--{option}", value)])
    return best


if __name__ == "__main__":
    keep_freed_memory()
    run_command(study)
