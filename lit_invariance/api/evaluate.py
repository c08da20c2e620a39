"""`evaluate`: any models, any pictures, in one call; what the command calls as well."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lit_invariance.api.results import Results
from lit_invariance.api.stages import evaluate_film, evaluate_images
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.data.video import Film
from lit_invariance.diagnostics.run import check_diagnostics
from lit_invariance.errors import UserError
from lit_invariance.evaluation.data import EvaluationData
from lit_invariance.evaluation.film import find_class
from lit_invariance.evaluation.geometry import RECIPE, Geometry
from lit_invariance.evaluation.model_sources import ModelSource, choose_reference
from lit_invariance.evaluation.models import PUBLISHED_CLASSES, load_models
from lit_invariance.evaluation.precision import EXACT
from lit_invariance.evaluation.protocols import choose_protocols
from lit_invariance.evaluation.settings import Settings
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.registry import Spec
from lit_invariance.training.checkpoint import read_checkpoint


def evaluate(
    models: Mapping[str, ModelSource],
    data: InvarianceData | Film,
    protocols: Sequence[Spec] = ("paper",),
    *,
    reference: str | None = None,
    seed: int = 0,
    image_size: int | None = None,
    preprocessing: str = RECIPE,
    batch_size: int = 32,
    label: int | str | None = None,
    diagnose: Sequence[str] = (),
    diagnose_images: int = 50,
    diagnose_boxes: str | None = None,
    cost: bool = True,
    accelerator: str = "auto",
    devices: int | str = "auto",
    precision: str = EXACT,
    progress: bool = True,
    unfinished: str | Path | None = None,
    command: Sequence[str] = (),
) -> Results:
    """Measure how often models change their answer when the picture hardly changes.

    Args:
        models: Name to model.
        data: The pictures, or a film.
        protocols: Names of protocols or groups, or `{name: {option: value}}`.
        reference: Name of the model that the others are compared with; without it `baseline`, or else the first.
        seed: Seed of the views and of the resampling, from 0.
        image_size: Side in pixels of the input of networks without a checkpoint and a size of their own; None takes the
            recipe's, and that of the data where there is none.
        preprocessing: `recipe` shows each published network its pictures as its publisher does, and a checkpoint as its
            training validated it; `fixed` shows all of them one geometry.
        batch_size: Frames of a film that are classified together.
        label: Of a film, its true class as the number of an output or an ImageNet synset; it gives accuracy.
        diagnose: Names of the diagnostics that say why a network changes its answer.
        diagnose_images: How many of the evaluated images they look at.
        diagnose_boxes: Path of the bounding boxes that `bias` tests.
        cost: Whether to measure multiplications, latency and memory; a few seconds a model.
        accelerator: As Lightning names it.
        devices: As Lightning takes it.
        precision: `32-true`, `bf16-mixed` or `16-mixed`.
        progress: Whether to show a progress bar.
        unfinished: A folder in which an interrupted evaluation leaves what it has measured, to go on from there.
        command: The command's arguments, for the results file.

    Returns:
        The results, in every process; the first alone measures cost, runs diagnostics and writes files.

    Raises:
        UserError: If a name, an option or the data is refused; the message says how to fix it.
    """
    if seed < 0:
        raise UserError(f"--seed is {seed}; it is a whole number from 0 on.")
    sources = list(models.values())
    settings = Settings(
        reference=choose_reference(sources, reference, listed=True),
        seed=seed,
        accelerator=accelerator,
        devices=devices,
        precision=precision,
        progress=progress,
        cost=cost,
        diagnose=tuple(diagnose),
        diagnose_images=diagnose_images,
        command=tuple(command),
    )
    geometry = Geometry(preprocessing, image_size, image_size or _data_size(data))
    if isinstance(data, Film):
        classes = _classes(sources)
        number = None if label is None else find_class(label, classes)
        loaded = load_models(sources, classes, geometry, seed)
        return evaluate_film(data, number, loaded, classes, settings, batch_size)
    if label is not None:
        raise UserError("--video_label is the class of a film; name the film with --video.")
    chosen, pictures = choose_protocols(protocols), EvaluationData.of(data)
    neighbours = any(len(choice.build(Preprocessing(size=geometry.otherwise)).steps) > 1 for choice in chosen)
    boxes = check_diagnostics(diagnose, diagnose_images, diagnose_boxes, neighbours, pictures)
    loaded = load_models(sources, data.num_classes, geometry, seed)
    folder = None if unfinished is None else Path(unfinished)
    return evaluate_images(pictures, loaded, chosen, settings, boxes, folder)


def _data_size(data: InvarianceData | Film) -> int:
    return Geometry.otherwise if isinstance(data, Film) else int(data.hparams["image_size"])


def _classes(sources: Sequence[ModelSource]) -> int:
    """Number of outputs of the first checkpoint, else that of published networks."""
    for source in sources:
        if source.checkpoint is not None:
            return int(read_checkpoint(source.checkpoint)["hyper_parameters"]["num_classes"])
    return PUBLISHED_CLASSES
