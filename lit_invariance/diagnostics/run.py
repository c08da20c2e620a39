"""`--diagnose`: why a network is not invariant, measured on the models of an evaluation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch

from lit_invariance.data.annotated_boxes import AnnotatedBox, read_annotated_boxes
from lit_invariance.diagnostics.ground import Ground
from lit_invariance.diagnostics.instruments import (
    look_at_aliasing,
    look_at_bias,
    look_at_equivariance,
    look_at_periodicity,
    look_at_shiftability,
    look_at_size,
    look_at_typicality,
)
from lit_invariance.diagnostics.motion_sections import equivariance_section, periodicity_section
from lit_invariance.diagnostics.sections import (
    Section,
    aliasing_section,
    bias_section,
    shiftability_section,
    size_section,
    typicality_section,
)
from lit_invariance.errors import UserError, see_known
from lit_invariance.evaluation.data import EvaluationData
from lit_invariance.evaluation.models import Model
from lit_invariance.results.diagnoses import Diagnostics


@dataclass(frozen=True)
class Diagnostic:
    """One instrument.

    Attributes:
        measure: The instrument: takes a model and what it is run on, or the latter alone.
        section: What the report says of the measurement: of those of all models by name, or of the only one.
        of_models: Whether it looks at models; else at the data alone.
    """

    measure: Callable[..., Any]
    section: Callable[[Any], Section]
    of_models: bool = True


DIAGNOSTICS = {
    "shiftability": Diagnostic(look_at_shiftability, shiftability_section),
    "aliasing": Diagnostic(look_at_aliasing, aliasing_section),
    "periodicity": Diagnostic(look_at_periodicity, periodicity_section),
    "equivariance": Diagnostic(look_at_equivariance, equivariance_section),
    "typicality": Diagnostic(look_at_typicality, typicality_section),
    "size": Diagnostic(look_at_size, size_section),
    "bias": Diagnostic(look_at_bias, bias_section, of_models=False),
}


def check_diagnostics(
    names: Sequence[str], images: int, boxes: str | None, neighbours: bool, data: EvaluationData
) -> Sequence[AnnotatedBox]:
    """Refuse what cannot be measured, before anything is measured.

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
    see_known("diagnostic", names, DIAGNOSTICS)
    if "bias" in names and boxes is None:
        raise UserError("--diagnose bias tests bounding boxes; name their folder or file with --diagnose_boxes PATH.")
    if "size" in names and not data.labelled:
        raise UserError("--diagnose size measures accuracy, but the pictures have no labels; leave size out.")
    if "typicality" in names and not neighbours:
        raise UserError("--diagnose typicality needs a protocol with neighbouring views; add crop to --protocols.")
    if "typicality" in names:
        data.load_training()  # reports in one sentence if there are none
    return read_annotated_boxes(str(boxes)) if "bias" in names else []


def measure_diagnostics(names: Sequence[str], models: Sequence[Model], ground: Ground) -> Diagnostics:
    """Run instruments.

    Args:
        names: Keys of `DIAGNOSTICS`.
        models: The models.
        ground: What they are run on.

    Returns:
        For each name the measurement of each model by its name, or of the data alone.
    """
    measured: Any = {}
    for name in names:
        diagnostic = DIAGNOSTICS[name]
        if diagnostic.of_models:
            measured[name] = {model.name: _on_device(diagnostic.measure, model, ground) for model in models}
        else:
            measured[name] = diagnostic.measure(ground)
    return cast(Diagnostics, measured)


def _on_device(measure: Callable[..., Any], model: Model, ground: Ground) -> Any:
    model.classifier.to(ground.device)
    try:
        with torch.no_grad():
            return measure(model, ground)
    finally:
        model.classifier.cpu()


def sections_of(measured: Mapping[str, Any]) -> list[Section]:
    """Describe what was measured, and how it is drawn.

    Args:
        measured: The field `diagnostics` of a results file.
    """
    return [DIAGNOSTICS[name].section(found) for name, found in measured.items()]
