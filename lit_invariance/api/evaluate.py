"""`evaluate`: any models, any pictures, in one call; what the command calls as well."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytorch_lightning.utilities import rank_zero_info

from lit_invariance.api.data import AnyData, open_data
from lit_invariance.api.models import AnyModel, Candidates, find_models
from lit_invariance.api.results import Results
from lit_invariance.api.stages import evaluate_anchors, evaluate_film, evaluate_images
from lit_invariance.data.anchored_films import AnchoredFilms
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.data.video import Film
from lit_invariance.diagnostics.run import check_diagnostics
from lit_invariance.errors import UserError, one_sentence_errors, unknown
from lit_invariance.evaluation.data import EvaluationData
from lit_invariance.evaluation.film import find_class, frame_view
from lit_invariance.evaluation.geometry import RECIPE, Geometry
from lit_invariance.evaluation.model_sources import choose_reference
from lit_invariance.evaluation.models import PUBLISHED_CLASSES
from lit_invariance.evaluation.precision import EXACT, PRECISIONS
from lit_invariance.evaluation.protocols import DEFAULT, ProtocolChoice, choose_protocols, without_boxes, without_labels
from lit_invariance.evaluation.settings import Settings
from lit_invariance.evaluation.trained_classes import names_of_outputs, see_same_classes, see_same_number
from lit_invariance.execution.executor import COMPILE
from lit_invariance.models.image_size import checked_size
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.protocols.window import Size, as_size
from lit_invariance.registry import Spec


def evaluate(
    models: Mapping[str, AnyModel] | Sequence[str],
    data: AnyData | Film | AnchoredFilms,
    protocols: Spec | Sequence[Spec] = DEFAULT,
    *,
    preprocessing: Any = None,
    reference: str | None = None,
    seed: int = 0,
    draws: int = 1,
    image_size: Size | None = None,
    geometry: str = RECIPE,
    max_images: int | None = None,
    batch_size: int = 32,
    num_workers: int | None = None,
    label: int | str | None = None,
    diagnose: Sequence[str] = (),
    diagnose_images: int = 50,
    diagnose_boxes: str | None = None,
    embedding: bool = False,
    cost: bool = True,
    accelerator: str = "auto",
    devices: int | str = "auto",
    num_nodes: int = 1,
    precision: str = EXACT,
    compile: str | bool = "auto",
    progress: bool = True,
    unfinished: str | Path | None = None,
    command: Sequence[str] | None = None,
) -> Results:
    """Measure how often models change their answer when the picture hardly changes.

    A network object is called with pictures `(N, 3, H, W)`, float in [0, 1], and returns logits `(N, K)` or an object
    that holds them as `.logits`. **Networks with published weights expect normalised pictures**: give `preprocessing`,
    or a network that normalises by itself. Without `preprocessing`, the pictures for a bare network of torchvision or
    timm are normalised as its library's published weights expect, and a line says so. The mode and device of each
    network are restored afterwards.

    Args:
        models: Name to network, LightningModule, function of pictures, or any text that `--models` takes; a list of
            such texts is also accepted. A function is called on the device of the evaluation.
        data: The pictures with their labels: a folder of class folders, a table that ends in `.csv`, shards that end in
            `.tar`, or `hf/` or `python:` and what follows, as `--data.dataset` takes it. Or an `InvarianceData`, a
            `Dataset` or list of (PIL image or tensor `(3, H, W)`, uint8 or float in [0, 1]; class number), a
            `DataLoader` or `LightningDataModule` of such a `Dataset`, or a `Film` or `AnchoredFilms`. Views are made
            from the decoded pictures, so the data must not crop or normalise them.
        protocols: Names of protocols or groups, or `{name: {option: value}}`, one or a list of them; see
            `docs/protocols.md`. The frames of a film are always shown by `centre_crop`; its options can be given here.
        preprocessing: What the network objects expect: `(mean, std)`, a function of pictures in [0, 1], the transforms
            of torchvision's weights, or timm's data configuration.
        reference: Name of the model that the others are compared with. Default: `baseline`, otherwise the first model.
        seed: Seed of the views and of the resampling, at least 0.
        draws: Draws of each image's geometry for protocols with a random one; its scores are averaged over them.
        image_size: Side S in pixels, or (H, W), of the inputs of networks without a checkpoint or their own size.
            Default: the size of the recipe, otherwise that of the data, otherwise 224.
        geometry: With `recipe`, pictures are resized and cropped as the publisher of the weights, or the transforms in
            `preprocessing`, do it; for a checkpoint, as in its validation. With `fixed`, all models use one geometry.
        max_images: Evaluate this many pictures, chosen at random.
        batch_size: Frames of a film that are classified together.
        num_workers: Processes that decode a folder or a `Dataset`; a loader uses its own setting.
        label: True class of a film, as an output number or an ImageNet synset; with it, accuracy is measured.
        diagnose: Names of the diagnostics that say why a network changes its answer; see `docs/diagnose.md`.
        diagnose_images: Number of evaluated images that the diagnostics use.
        diagnose_boxes: Path of the bounding boxes that `bias` tests.
        embedding: Whether to measure also the cosine between the penultimate features of neighbouring views, mean and
            least: `embedding_cosine` and `embedding_worst`.
        cost: Whether to measure multiplications, latency and memory; takes a few seconds per model.
        accelerator: As in Lightning's Trainer.
        devices: As in Lightning's Trainer.
        num_nodes: As in Lightning's Trainer; each machine must call this.
        precision: `32-true`, `bf16-mixed` or `16-mixed`.
        compile: Whether networks are compiled with `torch.compile`; `auto` compiles one where there is so much to
            answer that it pays. The answers stay the same, except where rounding decides; `results.json` counts these.
        progress: Whether to show a progress bar.
        unfinished: Folder in which an interrupted evaluation stores its measurements, so that it can be resumed. Only
            for models named by text, because it cannot be checked whether a network object is still the same.
        command: The command's arguments, for the results file.

    Returns:
        The results, in every process; only the first process measures cost, runs diagnostics and writes files.

    Raises:
        UserError: If a name, an option, a model or the data is not valid; the message says how to fix it.

    Example:
        >>> import torch
        >>> from PIL import Image
        >>> pictures = [(Image.new("RGB", (40, 40), (40 * n, 90, 90)), n % 3) for n in range(6)]
        >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 3))
        >>> results = evaluate({"linear": network}, pictures, ["crop"], image_size=32, progress=False)
        >>> results.content["images"], [row["protocol"] for row in results.content["rows"]][0]
        (6, 'crop')
    """
    for option, value, least in (
        ("seed", seed, 0),
        ("draws", draws, 1),
        ("image_size", None if isinstance(image_size, list | tuple) else image_size, 1),
        ("max_images", max_images, 1),
        ("batch_size", batch_size, 1),
        ("num_nodes", num_nodes, 1),
    ):
        if value is not None and (not isinstance(value, int) or value < least):
            raise UserError(f"{option} is {value!r}; it must be a whole number, at least {least}.")
    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    compiling = str(compile).lower()
    if compiling not in COMPILE:
        raise unknown("compile", compiling, COMPILE)
    with one_sentence_errors():
        if image_size is not None:
            image_size = checked_size("data", image_size)
        of_data = data.hparams["image_size"] if isinstance(data, InvarianceData) else Geometry.otherwise
        size = image_size or as_size(of_data)
        shown = Geometry(geometry, image_size, size)
        candidates = find_models(models, preprocessing, shown)
        settings = Settings(
            reference=choose_reference(candidates.sources, reference, listed=True),
            seed=seed,
            draws=draws,
            accelerator=accelerator,
            devices=devices,
            num_nodes=num_nodes,
            precision=precision,
            compiling=compiling,
            progress=progress,
            embedding=embedding,
            cost=cost,
            diagnose=tuple(diagnose),
            diagnose_images=diagnose_images,
            command=None if command is None else tuple(command),
        )
        if unfinished is not None and candidates.own:
            raise UserError(
                f"unfinished= needs models that are named by text, but {next(iter(candidates.own))} is an object."
            )
        with candidates.borrowed():
            specs = [protocols] if isinstance(protocols, str | dict) else protocols
            chosen = choose_protocols(specs, size)
            if isinstance(data, Film):
                return _film(data, label, candidates, settings, shown, batch_size, frame_view(chosen))
            if label is not None:
                raise UserError("--video_label is the class of a film; name the film with --video, without --anchors.")
            if isinstance(data, AnchoredFilms):
                outputs = candidates.known_outputs or PUBLISHED_CLASSES
                loaded = candidates.load(outputs, shown, seed)
                return evaluate_anchors(data, loaded, outputs, settings, batch_size, frame_view(chosen))
            candidates.check_not_over_time()
            pictures = open_data(data, candidates.known_outputs, max_images, num_workers, seed)
            rank_zero_info(pictures.describe())
            see_same_classes(candidates.sources, pictures.compared_names or ())
            if pictures.images.source.boxes is None:
                chosen = without_boxes(chosen, specs)
            if not pictures.labelled:
                pictures, chosen = _without_labels(pictures, chosen, candidates, size)
            shows = [choice.build(Preprocessing(size=size)) for choice in chosen]
            neighbours = any(len(protocol.steps) > 1 and not protocol.against_first for protocol in shows)
            candidates.check_looked_into(diagnose)
            boxes = check_diagnostics(diagnose, diagnose_images, diagnose_boxes, neighbours, pictures)
            loaded = candidates.load(pictures.described["classes"], shown, seed)
            folder = None if unfinished is None else Path(unfinished)
            return evaluate_images(pictures, loaded, chosen, settings, boxes, folder)


def _without_labels(
    pictures: EvaluationData, chosen: list[ProtocolChoice], candidates: Candidates, size: Size
) -> tuple[EvaluationData, list[ProtocolChoice]]:
    """Take the classes from the models, and leave out and name the protocols that say nothing without labels."""
    outputs = pictures.described["classes"]
    see_same_number(candidates.sources, outputs)
    chosen, single = without_labels(chosen, size)
    left_out = f", {', '.join(choice.label for choice in single)}" if single else ""
    rank_zero_info(f"the pictures have no labels; left out: accuracy and all other scores that need them{left_out}")
    return replace(pictures, class_names=names_of_outputs(candidates.sources, outputs)), chosen


def _film(
    film: Film,
    label: int | str | None,
    candidates: Candidates,
    settings: Settings,
    geometry: Geometry,
    batch_size: int,
    view: ProtocolChoice,
) -> Results:
    classes = candidates.known_outputs or PUBLISHED_CLASSES
    number = None if label is None else find_class(label, classes)
    loaded = candidates.load(classes, geometry, settings.seed)
    return evaluate_film(film, number, loaded, classes, settings, batch_size, view)
