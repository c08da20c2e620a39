"""The evaluation command: compare models, print the table, leave the results."""

import sys
from collections.abc import Sequence
from pathlib import Path

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.data.synsets import is_imagenet_validation
from lit_invariance.errors import UserError
from lit_invariance.evaluation.film import evaluate_film
from lit_invariance.evaluation.models import load_models
from lit_invariance.evaluation.options import parse
from lit_invariance.evaluation.protocols import choose_protocols
from lit_invariance.evaluation.results import compile_results, write_results
from lit_invariance.evaluation.runner import make_trainer, run
from lit_invariance.files import writable_folder
from lit_invariance.report.plots import save_plots
from lit_invariance.report.published import format_published
from lit_invariance.report.table import format_tables

# What a data set is, as opposed to how it is loaded or augmented.
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
    settings, sources, reference = parse(args)
    if settings.video is not None:
        evaluate_film(settings, sources, reference, args)
        return
    if settings.video_label is not None:
        raise UserError("--video_label is the class of a film; name the film with --video.")
    protocols = choose_protocols(settings.protocols)
    folder = writable_folder(Path(settings.output))
    data = InvarianceData(**settings.data.as_dict())
    models = load_models(sources, data.num_classes, settings.data.image_size, settings.seed)
    trainer = make_trainer(settings.accelerator, settings.devices, settings.precision, settings.progress)
    outcomes = run(trainer, models, protocols, data, settings.seed)
    if not trainer.is_global_zero:
        return
    whole = is_imagenet_validation(getattr(data.validation, "paths", ()))
    results = compile_results(
        outcomes,
        models,
        protocols,
        reference,
        settings.seed,
        data={name: settings.data[name] for name in DESCRIBING}
        | {"classes": data.num_classes, "imagenet_validation": whole},
        run={"command": args, "device": str(trainer.strategy.root_device), "precision": settings.precision},
    )
    files = write_results(results, outcomes, folder)
    plots = save_plots(results, folder)
    print(format_tables(results))
    if published := format_published(results):
        print(f"\n{published}")
    print(f"\nresults: {', '.join(map(str, files))}\nplots:   {', '.join(str(plot) for plot in plots[::2])} (and .svg)")
