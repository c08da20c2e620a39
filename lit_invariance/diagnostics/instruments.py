"""The instruments as an evaluation runs them: on one of its models, or on its data."""

from dataclasses import fields
from functools import partial
from typing import Any

import numpy as np

from lit_invariance.diagnostics.aliasing import measure_aliasing
from lit_invariance.diagnostics.bias import measure_bias
from lit_invariance.diagnostics.circular_sweep import CircularSweep
from lit_invariance.diagnostics.equivariance import measure_equivariance
from lit_invariance.diagnostics.feature_maps import extreme_positions, show_feature_map
from lit_invariance.diagnostics.ground import Ground
from lit_invariance.diagnostics.perceptual import choose_embedding
from lit_invariance.diagnostics.periodicity import measure_periodicity, moves
from lit_invariance.diagnostics.shiftability import measure_shiftability
from lit_invariance.diagnostics.size import measure_size
from lit_invariance.diagnostics.typicality import measure_typicality
from lit_invariance.evaluation.models import Classifier, Model
from lit_invariance.protocols import CentreCrop, Protocol, SizeSweep, SweepInpaint
from lit_invariance.protocols.standard import Standard
from lit_invariance.results.diagnoses import Shiftability

CHANGE = "top1_change"
MOST_TRAINING_IMAGES = 5000
PERCEPTUAL_SIZE = 64  # LPIPS compares pictures of this size in the literature's sets


def look_at_shiftability(model: Model, ground: Ground) -> Any:
    """Measure a model's shiftability, without what it does around its network; with one feature map to look at."""
    network = model.classifier
    protocol = network.preprocessing.protocol(SweepInpaint.name)
    measured = measure_shiftability(network.once, network.backbone, ground.some(), protocol, seed=ground.seed)
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
        network.once, network.backbone, batch.images[0], protocol, curve["layer"], curve["map"], positions, index=index
    )


def look_at_aliasing(model: Model, ground: Ground) -> Any:
    """Measure what the strided operations of a model's network alias in the standard view."""
    network = model.classifier
    protocol = network.preprocessing.protocol(CentreCrop.name)
    return measure_aliasing(network.once, network.backbone, ground.some(), protocol, seed=ground.seed)


def look_at_periodicity(model: Model, ground: Ground) -> Any:
    """Measure which strides a model's answers betray, with what it does around its network."""
    network = model.classifier
    standard = network.preprocessing.protocol(CentreCrop.name)
    geometry = {each.name: getattr(standard, each.name) for each in fields(Standard)}
    sweep = CircularSweep(**geometry, positions=moves(standard.window[0])[0])
    return measure_periodicity(network, ground.some(), sweep, seed=ground.seed)


def look_at_equivariance(model: Model, ground: Ground) -> Any:
    """Measure where a model's network breaks equivariance in the standard view."""
    network = model.classifier
    protocol = network.preprocessing.protocol(CentreCrop.name)
    return measure_equivariance(network.once, network.backbone, ground.some(), protocol, seed=ground.seed)


def look_at_size(model: Model, ground: Ground) -> Any:
    """Measure a model's accuracy against the size of the picture."""
    network = model.classifier
    protocol = network.preprocessing.protocol(SizeSweep.name)
    return measure_size(network, ground.some(), protocol, seed=ground.seed)


def look_at_typicality(model: Model, ground: Ground) -> Any:
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


def look_at_bias(ground: Ground) -> Any:
    """Test the data's bounding boxes for the photographer's bias."""
    return measure_bias(ground.boxes, seed=ground.seed)
