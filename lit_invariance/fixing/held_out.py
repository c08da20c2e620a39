"""What candidates answer to pictures that their networks have not seen."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np

from lit_invariance.data.batch import Positioned
from lit_invariance.evaluation.data import EvaluationData
from lit_invariance.evaluation.geometry import Geometry
from lit_invariance.evaluation.model_sources import parse_source
from lit_invariance.evaluation.models import Model, load_models
from lit_invariance.evaluation.precision import EXACT
from lit_invariance.evaluation.protocols import ProtocolChoice
from lit_invariance.evaluation.runner import make_trainer, run
from lit_invariance.fixing.candidates import Candidate
from lit_invariance.fixing.plan import Plan
from lit_invariance.results.outcomes import Outcomes
from lit_invariance.training.classifier import LitClassifier

PASSES = "passes"
STANDARD = ProtocolChoice("centre_crop", {})
VIEWS = 500
"""Draws of the views' geometry that all held-out pictures together have, as far as each has `MOST_DRAWS` at most."""
MOST_DRAWS = 8


def measure(
    plan: Plan, tried: Sequence[Candidate], networks: Mapping[str, Path], positions: Sequence[int], pictures: int
) -> Outcomes:
    """Show held-out pictures to all candidates, as they are and under the protocols.

    Args:
        plan: The settings of the run.
        tried: The candidates.
        networks: Name of an arm to the checkpoint of its network, which has not seen these pictures.
        positions: Positions of the pictures among the training images.
        pictures: Number of pictures held out in all folds together.

    Returns:
        The outcomes of these pictures, with their positions as indices; and under `PASSES` the mean number of forward
        passes that a view cost.

    Raises:
        UserError: If a picture cannot be read or shown, or logits are not finite.
    """
    data = plan.data_for(tried[0].arm)
    shown = replace(EvaluationData.of(data), images=Positioned(data.training_images(), positions))
    sources = [
        replace(found, name=candidate.name, mitigations=[*found.mitigations, *candidate.inference])
        for candidate in tried
        for found in [parse_source(plan.source_of(networks[candidate.arm.name]))]
    ]
    models = load_models(sources, data.num_classes, Geometry(), plan.seed)
    trainer = make_trainer(plan.trainer["accelerator"], 1, EXACT, progress=False)
    draws = min(MOST_DRAWS, max(1, VIEWS // pictures))
    outcomes, _ = run(trainer, models, [STANDARD, *plan.protocols], shown, plan.seed, draws=draws)
    for model in models:
        outcomes.columns[model.name, STANDARD.label, PASSES] = np.full(len(positions), _mean_passes(model))
    return outcomes


def _mean_passes(model: Model) -> float:
    classifier = model.classifier
    assert isinstance(classifier, LitClassifier), "checkpoints hold classifiers of this project"
    return prod((wrapper.mean_passes for wrapper in classifier.mitigated.wrappers), start=1.0)
