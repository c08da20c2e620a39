"""Measuring pictures: every model under every protocol, and the views that are kept to be looked at."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import pytorch_lightning as pl

from lit_invariance.evaluation.data import EvaluationData
from lit_invariance.evaluation.fingerprint import data_fingerprint, run_fingerprint
from lit_invariance.evaluation.measured import Measured
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.pictures import worst_pictures
from lit_invariance.evaluation.protocols import ProtocolChoice
from lit_invariance.evaluation.results import protocol_entry, versions
from lit_invariance.evaluation.runner import run
from lit_invariance.evaluation.settings import Settings
from lit_invariance.evaluation.unfinished import Unfinished
from lit_invariance.files import owned, writable_folder


def measure_images(
    data: EvaluationData,
    models: Sequence[Model],
    protocols: Sequence[ProtocolChoice],
    settings: Settings,
    trainer: pl.Trainer,
    folder: Path | None,
) -> tuple[Measured, Unfinished | None]:
    """Show every image to every model under every protocol.

    Args:
        data: The images.
        models: The models.
        protocols: The protocols.
        settings: How they are compared.
        trainer: From `make_trainer`.
        folder: Where an interrupted evaluation stores its measurements, to resume from them; None stores nothing.

    Returns:
        A row for each image; and what is kept of it in the folder until the results are written.

    Raises:
        UserError: If an image cannot be read or is too small for a protocol, or logits are not finite.
    """
    described = {**data.described, "fingerprint": data_fingerprint(data.images)}
    moving = {
        "seed": settings.seed,
        "draws": settings.draws,
        "embedding": settings.embedding,
        "precision": settings.precision,
        "compile": settings.compiling,
        "device": trainer.strategy.root_device.type,
        "versions": versions(),
        "data": described,
        "preprocessing": [str(model.classifier.preprocessing) for model in models],
    }
    unfinished = None
    with nullcontext() if folder is None else owned(writable_folder(folder), "evaluation"):
        if folder is not None:
            fingerprint = run_fingerprint([model.source for model in models], protocols, moving)
            unfinished = Unfinished.open(folder, fingerprint, len(data.images))
        with unfinished or nullcontext():
            outcomes, executors = run(
                trainer,
                models,
                protocols,
                data,
                settings.seed,
                unfinished,
                settings.draws,
                settings.compiling,
                settings.embedding,
            )
    pictures, files = worst_pictures(outcomes, models, protocols, settings.reference, data.images, settings.seed)
    measured = Measured(
        outcomes,
        [protocol_entry(choice, models[0], settings.embedding) for choice in protocols],
        data=described,
        executors=executors,
        class_names=data.class_names or (),
        pictures=pictures,
        files=files,
    )
    return measured, unfinished
