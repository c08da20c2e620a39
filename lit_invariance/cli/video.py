"""Evaluation of a film: how often the answer changes from one frame to the next."""

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jsonargparse import Namespace
from torch.utils.data import DataLoader

from lit_invariance.data.synsets import imagenet_classes, imagenet_outputs
from lit_invariance.data.video import Film
from lit_invariance.errors import UserError, unknown
from lit_invariance.evaluation.model_sources import ModelSource
from lit_invariance.evaluation.models import PUBLISHED_CLASSES, load_models
from lit_invariance.evaluation.results import compile_results, write_results
from lit_invariance.evaluation.runner import make_trainer, predict
from lit_invariance.evaluation.summary import summarise
from lit_invariance.evaluation.video import LABEL, PAIR_SCORES, FilmMeasurement
from lit_invariance.files import writable_folder
from lit_invariance.report.page import save_page
from lit_invariance.report.plots import save_plots
from lit_invariance.report.table import format_tables
from lit_invariance.report.video_curve import Curve, save_curve
from lit_invariance.results.outcomes import Outcomes
from lit_invariance.results.schema import ProtocolEntry
from lit_invariance.training.checkpoint import read_checkpoint

CURVES = 5


def evaluate_film(settings: Namespace, sources: Sequence[ModelSource], reference: str, args: list[str]) -> None:
    """Evaluate as `python evaluate.py --video PATH` does.

    Frames stream through all models, each decoded once. Neighbouring pairs of frames are alike, so that resampling them
    one by one would give intervals that are too narrow: blocks of them are resampled, see `in_blocks`.

    Args:
        settings: The parsed command line.
        sources: Where the models come from.
        reference: Name of the reference model.
        args: The arguments, for the results file.

    Raises:
        UserError: If the user must mend something.
    """
    if settings.devices not in ("auto", 1, "1"):
        raise UserError(f"a film is evaluated on one device, not on {settings.devices}; leave --devices out.")
    film, folder = Film(settings.video), writable_folder(Path(settings.output))
    classes = _classes(sources)
    label = None if settings.video_label is None else find_class(settings.video_label, classes)
    models = load_models(sources, classes, settings.data.image_size, settings.seed)
    trainer = make_trainer(settings.accelerator, 1, settings.precision, settings.progress)
    with tempfile.TemporaryDirectory() as scratch:
        measurement = FilmMeasurement(models, label, Path(scratch))
        # OpenCV decodes in threads of its own; a worker's frames would have to pass through a small shared memory.
        predict(trainer, measurement, DataLoader(film, settings.data.batch_size, collate_fn=list))
        outcomes, curves = measurement.outcomes(), _curves(measurement, film.path.name, classes)
    length = block_length(len(outcomes.indices))
    results = compile_results(
        outcomes,
        models,
        [],
        reference,
        settings.seed,
        data={"video": settings.video, "video_label": label, "classes": classes},
        run={"command": args, "device": str(trainer.strategy.root_device), "precision": settings.precision},
    )
    entry: ProtocolEntry = {
        "label": LABEL,
        "name": LABEL,
        "options": {},
        "unit": "frame",
        "steps": [0.0, 1.0],
        "headline": list(PAIR_SCORES),
    }
    results["protocols"] = [entry]
    results["rows"] = summarise(in_blocks(outcomes, length), reference, settings.seed)
    results["samples"] = "frame pairs"
    results["resampled"] = f"blocks of {length} neighbouring frame pairs"
    files, plots = write_results(results, outcomes, folder), save_plots(results, folder)
    for curve in curves:
        csv, *drawn = save_curve(curve, folder)
        files, plots = [*files, csv], [*plots, *drawn]
    print(format_tables(results))
    page = save_page(results, outcomes, folder)
    print(f"\nresults: {', '.join(map(str, files))}\nplots:   {', '.join(str(plot) for plot in plots[::2])} (and .svg)")
    print(f"report:  {page}")


def find_class(text: int | str, classes: int) -> int:
    """Return the output that `--video_label` names.

    Args:
        text: Number of an output, or a synset of ILSVRC2012.
        classes: Number of outputs.

    Raises:
        UserError: If there is none.
    """
    number = int(text) if str(text).isdigit() else None
    if number is not None and number < classes:
        return number
    if number is None and classes == len(imagenet_outputs()):
        if text in imagenet_outputs():
            return imagenet_outputs()[str(text)]
        raise unknown("synset", str(text), imagenet_outputs())
    raise UserError(f"--video_label {text} is no class of these models; give a number from 0 to {classes - 1}.")


def class_name(output: int, classes: int) -> str:
    """Return an output's number, with its English name where it is one of ImageNet's thousand."""
    names = list(imagenet_classes().values())
    return f"{output} {names[output]}" if classes == len(names) else f"class {output}"


def block_length(pairs: int) -> int:
    """Return the number of neighbouring pairs that are resampled together, the square root of their number."""
    return math.ceil(math.sqrt(pairs))


def in_blocks(outcomes: Outcomes, length: int) -> Outcomes:
    """Put neighbouring rows together, so that what resamples rows resamples blocks.

    This is the bootstrap of Carlstein, "The Use of Subseries Values for Estimating the Variance of a General Statistic
    from a Stationary Sequence", Annals of Statistics 14(3), 1986. What lies further apart than a block, such as a cut
    to another scene, is taken for independent.

    Args:
        outcomes: N rows in the order of time.
        length: Rows of a block; the blocks are equal to within one row, and two at least where there are two rows.

    Returns:
        A row for each block, weighted by its length: the means over all rows are kept. Without answers.
    """
    rows = len(outcomes.indices)
    blocks = max(rows // length, min(2, rows))
    starts = np.array([part[0] for part in np.array_split(np.arange(rows), blocks)])
    columns = {of: np.add.reduceat(values, starts) * blocks / rows for of, values in outcomes.columns.items()}
    return Outcomes(outcomes.indices[starts], outcomes.labels[starts], columns, {})


def _curves(measurement: FilmMeasurement, film: str, classes: int) -> list[Curve]:
    curves = []
    for model, track in measurement.tracks.items():
        shown = track.shown_classes(CURVES)
        names = [class_name(output, classes) for output in shown]
        curves.append(Curve(model, film, names, track.probabilities(shown)))
    return curves


def _classes(sources: Sequence[ModelSource]) -> int:
    """Number of outputs of the first checkpoint, else that of published networks."""
    for source in sources:
        if source.checkpoint is not None:
            return int(read_checkpoint(source.checkpoint)["hyper_parameters"]["num_classes"])
    return PUBLISHED_CLASSES
