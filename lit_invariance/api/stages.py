"""The stages of an evaluation, measure, summarise and complete; each returns what the next one takes."""

from collections.abc import Sequence
from pathlib import Path

import pytorch_lightning as pl

from lit_invariance.api.results import Results
from lit_invariance.data.anchored_films import AnchoredFilms
from lit_invariance.data.annotated_boxes import AnnotatedBox
from lit_invariance.data.video import Film
from lit_invariance.diagnostics.ground import Ground
from lit_invariance.diagnostics.run import measure_diagnostics
from lit_invariance.errors import UserError
from lit_invariance.evaluation.cost import measure_costs
from lit_invariance.evaluation.data import EvaluationData
from lit_invariance.evaluation.film import measure_film
from lit_invariance.evaluation.images import measure_images
from lit_invariance.evaluation.measured import Measured
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.protocols import ProtocolChoice
from lit_invariance.evaluation.results import compile_results, summarise_measured
from lit_invariance.evaluation.runner import make_trainer
from lit_invariance.evaluation.settings import Settings
from lit_invariance.evaluation.unfinished import Unfinished
from lit_invariance.evaluation.vid_robust import measure_anchors


def evaluate_images(
    data: EvaluationData,
    models: Sequence[Model],
    protocols: Sequence[ProtocolChoice],
    settings: Settings,
    boxes: Sequence[AnnotatedBox],
    folder: Path | None,
) -> Results:
    """Compare models on pictures.

    Args:
        data: The pictures.
        models: The models.
        protocols: The protocols.
        settings: How they are compared.
        boxes: Bounding boxes, for the diagnostic `bias`.
        folder: Where an interrupted evaluation leaves what it has measured; None leaves nothing.

    Raises:
        UserError: If an image or a device is missing, or logits are not finite.
    """
    trainer = make_trainer(
        settings.accelerator, settings.devices, settings.precision, settings.progress, settings.num_nodes
    )
    measured, unfinished = measure_images(data, models, protocols, settings, trainer, folder)
    ground = Ground(
        data, measured.outcomes, trainer.strategy.root_device, settings.diagnose_images, boxes, settings.seed
    )
    return _complete(measured, models, settings, trainer, ground, unfinished)


def evaluate_film(
    film: Film,
    label: int | None,
    models: Sequence[Model],
    classes: int,
    settings: Settings,
    batch_size: int,
    view: ProtocolChoice,
) -> Results:
    """Compare models on a film.

    Args:
        film: The film.
        label: Its true class, if known.
        models: The models.
        classes: Number of their outputs.
        settings: How they are compared.
        batch_size: Frames classified together.
        view: What is shown of every frame.

    Raises:
        UserError: If several devices or diagnostics are asked for, the film cannot be decoded, or logits are not
            finite.
    """
    trainer = _single_trainer(settings)
    measured = measure_film(
        film, label, models, classes, trainer, batch_size, view, settings.compiling, settings.embedding
    )
    return _complete(measured, models, settings, trainer)


def evaluate_anchors(
    films: AnchoredFilms,
    models: Sequence[Model],
    outputs: int,
    settings: Settings,
    batch_size: int,
    view: ProtocolChoice,
) -> Results:
    """Compare models on the frames around the anchors of films.

    Args:
        films: The films with their anchors.
        models: The models.
        outputs: Number of their outputs.
        settings: How they are compared.
        batch_size: Frames classified together.
        view: What is shown of every frame.

    Raises:
        UserError: If several devices or diagnostics are asked for, a label is no class, a film cannot be decoded or
            lacks a frame, or logits are not finite.
    """
    trainer = _single_trainer(settings)
    measured = measure_anchors(
        films,
        models,
        settings.reference,
        outputs,
        trainer,
        batch_size,
        view,
        settings.compiling,
        settings.embedding,
    )
    return _complete(measured, models, settings, trainer)


def _single_trainer(settings: Settings) -> pl.Trainer:
    if settings.devices not in ("auto", 1, "1") or settings.num_nodes > 1:
        raise UserError("a film is evaluated on one device; leave --devices and --num_nodes out.")
    if settings.diagnose:
        raise UserError("diagnostics need the pictures of a data set, not a film; leave --diagnose out.")
    return make_trainer(settings.accelerator, 1, settings.precision, settings.progress)


def _complete(
    measured: Measured,
    models: Sequence[Model],
    settings: Settings,
    trainer: pl.Trainer,
    ground: Ground | None = None,
    unfinished: Unfinished | None = None,
) -> Results:
    """Summarise what was measured; the first process alone diagnoses and measures costs."""
    first = trainer.is_global_zero
    content = compile_results(
        measured,
        summarise_measured(measured, models, settings.reference, settings.seed),
        models,
        settings,
        str(trainer.strategy.root_device),
        costs=measure_costs(models, trainer) if settings.cost and first else [None] * len(models),
        diagnostics=measure_diagnostics(settings.diagnose, models, ground) if ground is not None and first else {},
    )
    return Results(content, measured.outcomes, measured.files, unfinished)
