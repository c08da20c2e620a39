"""Measuring a film: how often the answer changes from one frame to the next."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
from torch.utils.data import DataLoader

from lit_invariance.data.synsets import imagenet_classes, imagenet_outputs
from lit_invariance.data.video import Film
from lit_invariance.errors import UserError, unknown
from lit_invariance.evaluation.blocks import block_length
from lit_invariance.evaluation.executors import how
from lit_invariance.evaluation.measured import Measured
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.protocols import DEFAULT, ProtocolChoice, choose_protocols
from lit_invariance.evaluation.runner import predict
from lit_invariance.evaluation.video import EMBEDDING, LABEL, PAIR_SCORES, FilmMeasurement
from lit_invariance.evaluation.watching import STANDARD
from lit_invariance.names import printable
from lit_invariance.results.schema import CurveEntry, ProtocolEntry

CURVES = 5
DECIMALS = 6
SHOWN: ProtocolEntry = {
    "label": LABEL,
    "name": LABEL,
    "options": {},
    "unit": "frame",
    "steps": [0.0, 1.0],
    "headline": list(PAIR_SCORES),
}


def measure_film(
    film: Film,
    label: int | None,
    models: Sequence[Model],
    classes: int,
    trainer: pl.Trainer,
    batch_size: int,
    view: ProtocolChoice = STANDARD,
    compiling: str = "false",
    embedding: bool = False,
) -> Measured:
    """Show every frame to every model.

    Frames stream through all models, each decoded once. Neighbouring pairs of frames are alike, so that resampling them
    one by one would give intervals that are too narrow: blocks of them are resampled, see `in_blocks`.

    Args:
        film: The film.
        label: Its true class, if known.
        models: The models.
        classes: Number of their outputs.
        trainer: Of a single process.
        batch_size: Frames classified together.
        view: From `frame_view`.
        compiling: As in `Executor.speed_up`.
        embedding: Whether the features of neighbouring frames are compared.

    Returns:
        A row for each pair of neighbouring frames.

    Raises:
        UserError: If the film cannot be decoded or has a single frame, or logits are not finite.
    """
    with tempfile.TemporaryDirectory() as scratch:
        measurement = FilmMeasurement(
            models, label, Path(scratch), view, trainer.strategy.root_device, compiling, film.most, embedding
        )
        # OpenCV decodes in its own threads; a worker's frames would have to pass through a small shared memory.
        predict(trainer, measurement, DataLoader(film, batch_size, collate_fn=list))
        outcomes, curves = measurement.outcomes(), _curves(measurement, film.path.name, classes)
    return Measured(
        outcomes,
        [{**SHOWN, "options": dict(view.options), "headline": [*PAIR_SCORES, *[EMBEDDING] * embedding]}],
        data={
            "video": printable(film.path),
            "video_label": label,
            "classes": classes,
            "max_images": film.most,
            "frames_lacking": film.lacking,
        },
        executors=[how(executor) for executor in measurement.executors.values()],
        samples="frame pairs",
        block=block_length(len(outcomes.indices)),
        curves=curves,
    )


def frame_view(protocols: Sequence[ProtocolChoice]) -> ProtocolChoice:
    """Choose what is shown of every frame: the standard view, with options where the user gives them.

    Args:
        protocols: What the user chose; the default for data sets counts as no choice.

    Raises:
        UserError: If anything but `centre_crop` was chosen.
    """
    if list(protocols) == choose_protocols(DEFAULT):
        return STANDARD
    others = [choice.label for choice in protocols if choice.name != STANDARD.name]
    if others or len(protocols) > 1:
        raise UserError(
            f"the frames of a film are shown by one {STANDARD.name}, not by {', '.join(others) or 'several'}; give "
            f"--protocols '{{{STANDARD.name}: {{option: value}}}}' to change how, or leave it out."
        )
    return protocols[0]


def find_class(text: int | str, classes: int, option: str = "--video_label") -> int:
    """Return the number of the output that a user names.

    Args:
        text: Number of an output, or a synset of ILSVRC2012.
        classes: Number of outputs.
        option: Where it is named, for the error message.

    Raises:
        UserError: If there is none.
    """
    number = int(text) if str(text).isdecimal() else None
    if number is not None and number < classes:
        return number
    if number is None and classes == len(imagenet_outputs()):
        if text in imagenet_outputs():
            return imagenet_outputs()[str(text)]
        raise unknown("synset", str(text), imagenet_outputs())
    raise UserError(f"{option} {text} is not a class of these models; give a number from 0 to {classes - 1}.")


def class_name(output: int, classes: int) -> str:
    """Return an output's number, with its English name where it is one of ImageNet's thousand."""
    names = list(imagenet_classes().values())
    return f"{output} {names[output]}" if classes == len(names) else f"class {output}"


def _curves(measurement: FilmMeasurement, film: str, classes: int) -> list[CurveEntry]:
    curves: list[CurveEntry] = []
    for model, track in measurement.tracks.items():
        shown = track.shown_classes(CURVES)
        probabilities = track.probabilities(shown).astype(np.float64).round(DECIMALS).tolist()
        names = [class_name(output, classes) for output in shown]
        curves.append({"model": model, "film": printable(film), "classes": names, "probabilities": probabilities})
    return curves
