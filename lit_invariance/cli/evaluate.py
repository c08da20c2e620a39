"""The evaluation command: compare models, print the table, leave the results."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from lit_invariance.cli.options import make_parser, parse
from lit_invariance.cli.video import evaluate_film
from lit_invariance.constants import IMAGENET_MEAN
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.data.synsets import is_imagenet_validation
from lit_invariance.diagnostics.run import Ground, check_diagnostics, measure_diagnostics
from lit_invariance.errors import UserError
from lit_invariance.evaluation.cost import measure_costs
from lit_invariance.evaluation.fingerprint import data_fingerprint, run_fingerprint
from lit_invariance.evaluation.model_sources import ModelSource
from lit_invariance.evaluation.models import load_models
from lit_invariance.evaluation.pictures import save_pictures
from lit_invariance.evaluation.protocols import ProtocolChoice, choose_protocols
from lit_invariance.evaluation.results import compile_results, versions, write_results
from lit_invariance.evaluation.runner import make_trainer, run
from lit_invariance.evaluation.unfinished import Unfinished
from lit_invariance.files import writable_folder
from lit_invariance.report.costs import format_costs
from lit_invariance.report.diagnostics_sections import save_diagnostics
from lit_invariance.report.page import save_page
from lit_invariance.report.plots import save_plots
from lit_invariance.report.published import format_published
from lit_invariance.report.table import format_tables
from lit_invariance.results.outcomes import Outcomes
from lit_invariance.results.reading import read_folder
from lit_invariance.results.schema import Results

# What a data set is, as opposed to how it is loaded or augmented.
PLOTS = ("scores_", "accuracy_against_", "diagnostics_")
DESCRIBING = ("dataset", "root", "val_root", "val_fraction", "image_size", "seed", "shapes", "max_images", "boxes")


def evaluate(args: Sequence[str] | None = None) -> None:
    """Evaluate as `python evaluate.py` does.

    Args:
        args: Command-line arguments; None takes the process's own.

    Raises:
        UserError: If the user must mend something.
        SystemExit: With code 2 after a bad argument, 0 after `--help`.
    """
    args = sys.argv[1:] if args is None else list(args)
    earlier = make_parser().parse_args(args)["from"]
    if earlier is not None:
        redraw(Path(earlier))
        return
    settings, sources, reference = parse(args)
    if settings.video is not None:
        evaluate_film(settings, sources, reference, args)
        return
    if settings.video_label is not None:
        raise UserError("--video_label is the class of a film; name the film with --video.")
    protocols = choose_protocols(settings.protocols)
    folder = writable_folder(Path(settings.output))
    data = InvarianceData(**settings.data.as_dict())
    neighbours = any(len(choice.build(data.hparams["image_size"], IMAGENET_MEAN).steps) > 1 for choice in protocols)
    boxes = check_diagnostics(settings.diagnose, settings.diagnose_images, settings.diagnose_boxes, neighbours, data)
    models = load_models(sources, data.num_classes, settings.data.image_size, settings.seed)
    trainer = make_trainer(settings.accelerator, settings.devices, settings.precision, settings.progress)
    images = data.validation_images()
    described = {name: settings.data[name] for name in DESCRIBING} | {"fingerprint": data_fingerprint(images)}
    device = trainer.strategy.root_device
    fingerprint = _fingerprint(sources, protocols, settings, described, device.type)
    unfinished = Unfinished.open(folder, fingerprint, len(images))
    with unfinished:
        outcomes = run(trainer, models, protocols, data, settings.seed, unfinished)
    if not trainer.is_global_zero:
        return
    whole = is_imagenet_validation(getattr(data.validation, "paths", ()))
    results = compile_results(
        outcomes,
        models,
        protocols,
        reference,
        settings.seed,
        data=described | {"classes": data.num_classes, "imagenet_validation": whole},
        run={"command": args, "device": str(device), "precision": settings.precision},
    )
    results["class_names"] = data.class_names
    if settings.diagnose:
        ground = Ground(data, outcomes, device, settings.diagnose_images, boxes, settings.seed)
        results["diagnostics"] = measure_diagnostics(settings.diagnose, models, ground)
    if settings.cost:
        costs = measure_costs(models, trainer)
        for entry, cost in zip(results["models"], costs, strict=True):
            entry["cost"] = cost
    results["pictures"] = save_pictures(outcomes, models, protocols, reference, images, settings.seed, folder)
    files = write_results(results, outcomes, folder)
    unfinished.remove()
    _present(results, outcomes, folder, files)


def redraw(folder: Path) -> None:
    """Make an evaluation's tables, plots and report anew from its record.

    Args:
        folder: Where `results.json` and `outcomes.npz` are.

    Raises:
        UserError: If one of them is missing, cannot be read, or is of another version.
    """
    results, outcomes = read_folder(folder)
    _present(results, outcomes, writable_folder(folder), [])


def _present(results: Results, outcomes: Outcomes, folder: Path, files: Sequence[Path]) -> None:
    for old in [path for stem in PLOTS for path in folder.glob(f"{stem}*") if path.suffix in (".png", ".svg")]:
        old.unlink()
    plots = save_plots(results, folder) + save_diagnostics(results.get("diagnostics", {}), folder)
    page = save_page(results, outcomes, folder)
    print("\n\n".join(filter(None, (format_tables(results), format_costs(results), format_published(results)))))
    if files:
        print(f"\nresults: {', '.join(map(str, files))}", end="")
    print(f"\nplots:   {', '.join(str(plot) for plot in plots[::2])} (and .svg)\nreport:  {page}")


def _fingerprint(
    sources: Sequence[ModelSource],
    protocols: Sequence[ProtocolChoice],
    settings: Namespace,
    data: dict[str, Any],
    device: str,
) -> str:
    """Name of this evaluation, from all that moves a number."""
    moving = {"seed": settings.seed, "precision": settings.precision, "device": device, "versions": versions()}
    return run_fingerprint(sources, protocols, moving | {"data": data})
