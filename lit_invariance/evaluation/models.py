"""Models ready to be compared, and their description in the results."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from lit_invariance.errors import UserError
from lit_invariance.evaluation.geometry import Geometry
from lit_invariance.evaluation.model_sources import ModelSource
from lit_invariance.evaluation.own_network import OwnNetwork
from lit_invariance.mitigations import OVER_TIME, TemporalAverage
from lit_invariance.models.backbones import preprocessing_of, published_classes
from lit_invariance.models.exported.file import count_parameters
from lit_invariance.models.image_size import plain
from lit_invariance.models.torchvision_networks import published_name
from lit_invariance.registry import Spec, build, parse_spec
from lit_invariance.results.schema import ModelEntry
from lit_invariance.training.checkpoint import read_checkpoint, rebuild
from lit_invariance.training.classifier import LitClassifier

PUBLISHED_CLASSES = 1000


Classifier = LitClassifier | OwnNetwork


@dataclass(frozen=True)
class Model:
    """A model under comparison.

    Attributes:
        source: Name and origin.
        classifier: The network in evaluation mode.
        backbone: What kind of network it is.
        weights: Torchvision's name of its published weights, if it has them.
        mitigations: What was done to it.
        passes: Forward passes that one picture costs.
        delay: Of a film, the frames by which its answers are late where they are averaged over time; None where not.
    """

    source: ModelSource
    classifier: Classifier
    backbone: str = ""
    weights: str | None = None
    mitigations: Sequence[Spec] = ()
    passes: int = 1
    delay: float | None = None

    @property
    def name(self) -> str:
        """Its name in tables."""
        return self.source.name

    @property
    def outputs(self) -> int:
        """Number of its outputs K.

        Raises:
            UserError: If a network of the user's own refuses its input.
        """
        classifier = self.classifier
        return classifier.outputs(self.name) if isinstance(classifier, OwnNetwork) else classifier.num_classes

    def describe(self) -> ModelEntry:
        """Return its description for the results."""
        seen, size = self.classifier.preprocessing, self.classifier.image_size
        entry: ModelEntry = {
            "name": self.name,
            "source": self.source.text,
            "backbone": self.backbone,
            "weights": self.weights,
            "mitigations": list(self.mitigations),
            "translation": self.source.translation,
            "parameters": count_parameters(self.classifier.backbone),
            "image_size": plain(size),
            "preprocessing": {
                "recipe": seen.recipe,
                "crop_pct": seen.crop_pct,
                "crop_mode": seen.crop_mode,
                "interpolation": seen.interpolation,
            },
            "cost": None,
            "passes": self.passes,
        }
        return entry if self.delay is None else {**entry, "delay": self.delay}


def describe_classifier(source: ModelSource, classifier: LitClassifier) -> Model:
    """Describe the parts of one of this project's classifiers.

    Args:
        source: Its name and origin.
        classifier: The classifier.
    """
    options = classifier.hparams
    weights = None if source.checkpoint else published_name(options["backbone"], options["weights"])
    mitigations, passes = options["mitigations"] or (), classifier.mitigated.passes
    return Model(source, classifier, options["backbone"], weights, mitigations, passes)


def load_models(sources: Sequence[ModelSource], num_classes: int, geometry: Geometry, seed: int) -> list[Model]:
    """Load all models and check that they fit the data.

    Args:
        sources: Where they come from.
        num_classes: Number of classes of the data.
        geometry: How pictures are prepared for them.
        seed: Seed of random weights.

    Raises:
        UserError: If a source cannot be loaded, or its number of outputs is not that of the data.
    """
    models = []
    for source in sources:
        if source.checkpoint is None:  # reported before anything is downloaded
            _see_classes(source, published_classes(source.backbone, source.weights), num_classes)
        plain, over_time = in_time(source.mitigations)
        classifier = _load(replace(source, mitigations=plain), num_classes, geometry, seed).eval().requires_grad_(False)
        _see_classes(source, classifier.num_classes, num_classes)
        _see_classes(source, classifier.trained_classes, num_classes)
        described = describe_classifier(source, classifier)
        for spec, average in over_time:
            described = replace(described, mitigations=[*described.mitigations, spec], delay=average.delay)
        models.append(described)
    return models


def in_time(mitigations: Sequence[Spec]) -> tuple[list[Spec], list[tuple[Spec, TemporalAverage]]]:
    """Divide mitigations into those of a network, and those of its answers to the frames of a film, one at most.

    Args:
        mitigations: As the user wrote them.

    Raises:
        UserError: If there are two of the second kind, or an option is refused.
    """
    plain, over_time = [], []
    for spec in mitigations:
        if parse_spec("mitigation", spec)[0] in OVER_TIME:
            over_time.append((spec, build("mitigation", OVER_TIME, spec, network=torch.nn.Identity())))
        else:
            plain.append(spec)
    if len(over_time) > 1:
        raise UserError("mitigation temporal_average is named twice; name it once, with the options you want.")
    return plain, over_time


def _see_classes(source: ModelSource, outputs: int | None, num_classes: int) -> None:
    """Refuse weights that were made for other classes, for which a network only gets a random layer."""
    if outputs == 0:
        raise UserError(f"the weights of model {source.name} hold no classification layer; fine-tune them first.")
    if outputs not in (None, num_classes):
        raise UserError(
            f"model {source.name} has {outputs} classes, but the data have {num_classes}; choose other data with "
            "--data.* or other models with --models."
        )


def _load(source: ModelSource, num_classes: int, geometry: Geometry, seed: int) -> LitClassifier:
    if source.checkpoint is not None:
        content = dict(source.content) or read_checkpoint(source.checkpoint)
        source.content.clear()  # the network holds it from now on
        classifier = rebuild(source.checkpoint, content, source.mitigations, source.backbone or None)
        classifier.configure_preprocessing(geometry.of_training(classifier.preprocessing))
        return classifier
    expected = geometry.of_weights(preprocessing_of(source.backbone, source.weights), source.image_size)
    mitigations = list(source.mitigations)
    # Every process must draw the same random weights, whatever was drawn before.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = LitClassifier(
            source.backbone, source.weights, num_classes, plain(expected.size), mitigations=mitigations
        )
    classifier.configure_preprocessing(expected)
    return classifier
