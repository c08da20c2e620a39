"""`--diagnose`: the instruments that say why a network is not invariant, run on the models of an evaluation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch.utils.data import DataLoader

from lit_invariance.data.annotated_boxes import AnnotatedBox, read_annotated_boxes
from lit_invariance.data.batch import Batch, Positioned, collate
from lit_invariance.data.source import Source
from lit_invariance.diagnostics import (
    measure_aliasing,
    measure_bias,
    measure_shiftability,
    measure_size,
    measure_typicality,
)
from lit_invariance.diagnostics.feature_maps import extreme_positions, show_feature_map
from lit_invariance.diagnostics.perceptual import choose_embedding
from lit_invariance.errors import UserError, unknown
from lit_invariance.evaluation.data import EvaluationData
from lit_invariance.evaluation.models import Classifier, Model
from lit_invariance.protocols import CentreCrop, Protocol, SizeSweep, SweepInpaint
from lit_invariance.results.diagnoses import Diagnostics, Shiftability
from lit_invariance.results.outcomes import Outcomes

CHANGE = "top1_change"
MOST_TRAINING_IMAGES = 5000
PERCEPTUAL_SIZE = 64  # LPIPS compares pictures of this size in the literature's sets


@dataclass(frozen=True)
class Ground:
    """What the instruments are run on.

    Attributes:
        data: The data set.
        outcomes: The evaluation's own, for `typicality`.
        device: Where networks run.
        images: How many of the evaluated images they look at, evenly spaced.
        boxes: The boxes, for `bias`.
        seed: Seed of all draws.
    """

    data: EvaluationData
    outcomes: Outcomes
    device: torch.device
    images: int
    boxes: Sequence[AnnotatedBox]
    seed: int

    def batches(self, source: Source, positions: Sequence[int]) -> "Moved":
        """Decoded images on the device, batch by batch."""
        loader: DataLoader[Any] = DataLoader(
            Positioned(source, positions), batch_size=32, num_workers=self.data.workers, collate_fn=collate
        )
        return Moved(loader, self.device)

    def some(self) -> "Moved":
        """The chosen share of the evaluated images."""
        indices = self.outcomes.indices
        chosen = np.linspace(0, len(indices) - 1, min(self.images, len(indices))).round().astype(int)
        return self.batches(self.data.images.source, [int(index) for index in indices[chosen]])


class Moved:
    """The batches of a loader, on a device; may be gone through again and again."""

    def __init__(self, loader: "DataLoader[Any]", device: torch.device) -> None:
        self.loader, self.device = loader, device

    def __iter__(self) -> Any:
        """Move batch after batch."""
        for batch in self.loader:
            images = [image.to(self.device) for image in batch.images]
            yield Batch(images, batch.labels.to(self.device), batch.indices)


def check_diagnostics(
    names: Sequence[str], images: int, boxes: str | None, neighbours: bool, data: EvaluationData
) -> Sequence[AnnotatedBox]:
    """Refuse what cannot be measured, before anything is.

    Args:
        names: The diagnostics asked for.
        images: Number of images to look at.
        boxes: Path of the boxes.
        neighbours: Whether a protocol of the evaluation shows neighbouring views.
        data: The data set.

    Returns:
        The boxes, where `bias` is asked for.

    Raises:
        UserError: If a diagnostic is unknown, or lacks images, neighbouring views, training images or readable boxes.
    """
    if images < 1:
        raise UserError(f"--diagnose_images is {images}; it must be at least 1.")
    for name in names:
        if name not in DIAGNOSTICS:
            raise unknown("diagnostic", name, DIAGNOSTICS)
    if "bias" in names and boxes is None:
        raise UserError("--diagnose bias tests bounding boxes; name their folder or file with --diagnose_boxes PATH.")
    if "typicality" in names and not neighbours:
        raise UserError("--diagnose typicality needs a protocol with neighbouring views; add crop to --protocols.")
    if "typicality" in names:
        data.load_training()  # tells in one sentence where there are none
    return read_annotated_boxes(str(boxes)) if "bias" in names else []


def measure_diagnostics(names: Sequence[str], models: Sequence[Model], ground: Ground) -> Diagnostics:
    """Run instruments.

    Args:
        names: Keys of `DIAGNOSTICS`.
        models: The models.
        ground: What they are run on.

    Returns:
        For each name the measurement of each model by its name; that of `bias` is of the data alone.
    """
    measured: Any = {}
    for name in names:
        if name == "bias":
            measured[name] = measure_bias(ground.boxes, seed=ground.seed)
        else:
            measured[name] = {model.name: _on_device(OF_NETWORKS[name], model, ground) for model in models}
    return cast(Diagnostics, measured)


def _on_device(measure: Callable[[Model, Ground], Any], model: Model, ground: Ground) -> Any:
    model.classifier.to(ground.device)
    try:
        with torch.no_grad():
            return measure(model, ground)
    finally:
        model.classifier.cpu()


def _shiftability(model: Model, ground: Ground) -> Any:
    network = model.classifier
    protocol = network.preprocessing.protocol(SweepInpaint.name)
    measured = measure_shiftability(network, network.backbone, ground.some(), protocol, seed=ground.seed)
    return {**measured, "feature_map": _feature_map(network, measured, protocol, ground)}


def _feature_map(network: Classifier, measured: Shiftability, protocol: Protocol, ground: Ground) -> Any:
    """The map of the deepest layer whose response moves most, under the moves that show it; None without curves."""
    if not measured["curves"]:
        return None
    deepest = [curve for curve in measured["curves"] if curve["layer"] == measured["curves"][-1]["layer"]]
    curve = max(deepest, key=lambda curve: float(np.ptp(curve["responses"])) / (abs(np.mean(curve["responses"])) or 1))
    batch = next(iter(ground.some()))
    positions = extreme_positions(curve["responses"])
    index = int(batch.indices[0])
    return show_feature_map(
        network, network.backbone, batch.images[0], protocol, curve["layer"], curve["map"], positions, index=index
    )


def _aliasing(model: Model, ground: Ground) -> Any:
    network = model.classifier
    protocol = network.preprocessing.protocol(CentreCrop.name)
    return measure_aliasing(network, network.backbone, ground.some(), protocol, seed=ground.seed)


def _size(model: Model, ground: Ground) -> Any:
    network = model.classifier
    protocol = network.preprocessing.protocol(SizeSweep.name)
    return measure_size(network, ground.some(), protocol, seed=ground.seed)


def _typicality(model: Model, ground: Ground) -> Any:
    """Change under the first protocol that has neighbours, against the distance from the training images."""
    network, outcomes = model.classifier, ground.outcomes
    label = next(of[1] for of in outcomes.columns if of[2] == CHANGE)
    changes = outcomes.columns[model.name, label, CHANGE]
    defined = ~np.isnan(changes)
    training = ground.data.load_training()
    most = min(len(training), MOST_TRAINING_IMAGES)
    chosen = np.sort(np.random.default_rng(ground.seed).permutation(len(training))[:most])
    embedding = choose_embedding(network, network.backbone, model.name)
    return measure_typicality(
        embedding,
        ground.batches(ground.data.images.source, [int(index) for index in outcomes.indices[defined]]),
        partial(ground.batches, training, [int(index) for index in chosen]),
        changes[defined],
        size=PERCEPTUAL_SIZE if embedding.name.startswith("LPIPS") else network.image_size,
        seed=ground.seed,
    )


OF_NETWORKS: dict[str, Callable[[Model, Ground], Any]] = {
    "shiftability": _shiftability,
    "aliasing": _aliasing,
    "typicality": _typicality,
    "size": _size,
}
DIAGNOSTICS = (*OF_NETWORKS, "bias")
