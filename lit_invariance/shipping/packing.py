"""A model as the module that an exported file computes, and what the file says of it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lit_invariance.errors import UserError
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.own_network import Normalise, OwnNetwork
from lit_invariance.mitigations.inference.wrapper import InferenceWrapper
from lit_invariance.models.exported.description import NORMALISED, PICTURES, Description
from lit_invariance.models.exported.file import ExportedNetwork, count_parameters
from lit_invariance.protocols.window import in_words
from lit_invariance.training.classifier import LitClassifier
from lit_invariance.version import version

INSIDE, OUTSIDE = "inside", "outside"
NORMALISATIONS = (INSIDE, OUTSIDE)


@dataclass(frozen=True)
class Packed:
    """What goes into a file.

    Attributes:
        model: The model, in evaluation mode on the CPU.
        module: From the file's input to logits.
        example: An input `(2, C, S, S)`.
        description: What the file says of itself.
    """

    model: Model
    module: nn.Module
    example: Tensor
    description: Description


class Bare(nn.Module):
    """A classifier without what prepares its pictures: takes normalised ones.

    Args:
        classifier: Takes pictures in [0, 1]. If inference wrappers are around its network, which look at the picture
            itself, the normalisation is undone in front of them.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, classifier: LitClassifier | OwnNetwork) -> None:
        super().__init__()
        seen = classifier.preprocessing
        self.register_buffer("mean", torch.tensor(seen.mean)[:, None, None].clone(), persistent=False)
        self.register_buffer("std", torch.tensor(seen.std)[:, None, None].clone(), persistent=False)
        self.network: nn.Module = classifier if has_wrappers(classifier) else classifier.backbone
        self.undo = has_wrappers(classifier)

    def forward(self, images: Tensor) -> Tensor:
        """Classify normalised pictures."""
        answer = self.network(images * self.std + self.mean if self.undo else images)
        logits: Tensor = getattr(answer, "logits", answer)
        return logits


def pack(model: Model, normalisation: str) -> Packed:
    """Make a model ready to be written.

    Args:
        model: The model, in evaluation mode.
        normalisation: `inside` or `outside`.

    Raises:
        UserError: If the normalisation is not known and shall be outside, or the model gives no logits.
    """
    classifier = model.classifier
    seen = classifier.preprocessing
    if model.delay is not None:
        raise UserError(
            f"model {model.name} averages its answers over time (temporal_average), but an exported file remembers no "
            "frame; export it without, and average the file's answers where you run it."
        )
    if normalisation == OUTSIDE and not _normalises(classifier):
        raise UserError(
            f"model {model.name} prepares its pictures by itself or by a function, which cannot stay outside of the "
            "file; leave normalisation at inside, or give mean and std as its preprocessing."
        )
    if isinstance(classifier.backbone, ExportedNetwork):
        raise UserError(f"{model.source.text} is an exported file already; name the network that it was made of.")
    if not isinstance(seen.size, int):
        raise UserError(
            f"model {model.name} takes inputs of {in_words(seen.size)} pixels, and an exported file describes squares "
            "only; export a network of a square input."
        )
    example = torch.full((2, len(seen.mean), seen.size, seen.size), 0.5)
    with torch.no_grad():
        classes = classifier(example).shape[1]
    source = model.source
    return Packed(
        model,
        classifier if normalisation == INSIDE else Bare(classifier).eval(),
        example,
        Description(
            version=version(),
            name=model.name,
            source=source.text,
            mitigations=tuple(model.mitigations),
            input=PICTURES if normalisation == INSIDE else NORMALISED,
            mean=seen.mean,
            std=seen.std,
            size=seen.size,
            crop_pct=seen.crop_pct,
            interpolation=seen.interpolation,  # type: ignore[arg-type]
            crop_mode=seen.crop_mode,  # type: ignore[arg-type]
            recipe=seen.recipe,
            classes=classes,
            parameters=count_parameters(classifier.backbone),
            passes=model.passes,
            class_names=None if source.class_names is None else tuple(source.class_names),
        ),
    )


def has_wrappers(classifier: LitClassifier | OwnNetwork) -> bool:
    """Tell whether inference wrappers are around a classifier's network."""
    if isinstance(classifier, OwnNetwork):
        return isinstance(classifier.network, InferenceWrapper)
    return bool(classifier.mitigated.wrappers)


def _normalises(classifier: LitClassifier | OwnNetwork) -> bool:
    if isinstance(classifier, OwnNetwork) and not any(isinstance(part, Normalise) for part in classifier.modules()):
        return False
    return not classifier.preprocessing.inside
