"""Measuring films around anchors: is an answer that is right at the anchor right at all its neighbours?"""

from collections.abc import Iterator, Sequence

import pytorch_lightning as pl
from pytorch_lightning.utilities import rank_zero_info
from torch.utils.data import DataLoader

from lit_invariance.data.anchored_films import AnchoredFilms
from lit_invariance.data.listed_pictures import counted
from lit_invariance.errors import UserError, unknown
from lit_invariance.evaluation.anchor_pictures import anchor_pictures
from lit_invariance.evaluation.anchors import AnchorMeasurement, label_of
from lit_invariance.evaluation.executors import how
from lit_invariance.evaluation.film import find_class
from lit_invariance.evaluation.measured import Measured
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.protocols import ProtocolChoice
from lit_invariance.evaluation.runner import predict
from lit_invariance.evaluation.watching import STANDARD
from lit_invariance.metrics.scores import ANCHOR_SCORES, FEATURE_SCORES
from lit_invariance.names import printable

NAME = "vid_robust"
SHOWN = ("accuracy", *ANCHOR_SCORES, "top1_change")


def measure_anchors(
    films: AnchoredFilms,
    models: Sequence[Model],
    reference: str,
    outputs: int,
    trainer: pl.Trainer,
    batch_size: int,
    view: ProtocolChoice = STANDARD,
    compiling: str = "false",
    embedding: bool = False,
) -> Measured:
    """Show the frames around every anchor to every model.

    Shankar et al., "Do Image Classifiers Generalize Across Time?", ICCV 2021. Frames stream through all models, each
    decoded and answered once, however many anchors it counts for.

    Args:
        films: The films with their anchors.
        models: The models.
        reference: Name of the model whose failures are shown.
        outputs: Number of their outputs.
        trainer: Of a single process.
        batch_size: Frames classified together.
        view: From `frame_view`.
        compiling: As in `Executor.speed_up`.
        embedding: Whether the features of neighbouring frames are compared.

    Returns:
        A row for each anchor.

    Raises:
        UserError: If a label is no class, a film cannot be decoded or lacks a frame, or logits are not finite.
    """
    classes = films.classes
    films.whole = any(model.delay is not None for model in models)
    numbers = dict(_numbered(films, outputs))
    rank_zero_info(_described(films))
    measurement = AnchorMeasurement(
        models,
        films,
        numbers,
        None if classes is None else list(classes.values()),
        view,
        trainer.strategy.root_device,
        compiling,
        embedding,
    )
    predict(trainer, measurement, DataLoader(films, batch_size, collate_fn=list))
    outcomes, label = measurement.outcomes(), label_of(films.reach)
    shown = next(model for model in models if model.name == reference)
    pictures, files = anchor_pictures(films, outcomes, shown, label, view)
    return Measured(
        outcomes,
        [
            {
                "label": label,
                "name": NAME,
                "options": {"k": films.reach, **view.options},
                "unit": "frame",
                "steps": [float(offset) for offset in range(-films.reach, films.reach + 1)],
                "headline": [*SHOWN, *(FEATURE_SCORES if embedding else ())],
            }
        ],
        data={
            "video": printable(films.root),
            "anchors": printable(films.table),
            "films": len(films.films),
            "classes": outputs if classes is None else len(classes),
        },
        executors=[how(executor) for executor in measurement.executors.values()],
        class_names=[] if classes is None else list(map(printable, classes)),
        pictures=pictures,
        files=files,
        samples="anchors",
        exact=tuple(ANCHOR_SCORES),
    )


def _numbered(films: AnchoredFilms, outputs: int) -> Iterator[tuple[str, int]]:
    """Every label of the table with the number of its class."""
    names = None if films.classes is None else list(films.classes)
    if films.classes is not None and (highest := max(map(max, films.classes.values()))) >= outputs:
        raise UserError(
            f"the table of classes names output {highest}, but the models have {outputs} outputs, from 0 on; correct "
            "it."
        )
    for anchor in films.anchors:
        for label in {label for labels in (anchor.labels, *anchor.neighbours.values()) for label in labels}:
            where = f"label of an anchor (line {anchor.line} of {printable(films.table)})"
            if names is None:
                yield label, find_class(label, outputs, where)
            elif label in names:
                yield label, names.index(label)
            else:
                raise unknown(where, printable(label), names)


def _described(films: AnchoredFilms) -> str:
    text = f"anchors:     {len(films.anchors)} in {counted(len(films.films), 'film')}, from {printable(films.table)}"
    if len(films.anchors) > len(films.films):
        text += "; those of one film are alike, so that the intervals are narrower than they should be"
    return text
