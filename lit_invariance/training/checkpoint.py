"""A network back from a training's checkpoint, without executing anything the file holds."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lit_invariance.errors import UserError
from lit_invariance.models.torch_file import read_torch_file
from lit_invariance.models.weights import load_strictly
from lit_invariance.registry import Spec
from lit_invariance.training.classifier import LitClassifier


def load_checkpoint(path: str | Path, mitigations: Sequence[Spec] | None = None) -> LitClassifier:
    """Rebuild a trained classifier.

    Args:
        path: A `.ckpt` file that `train.py` wrote.
        mitigations: Those it shall have; None takes those it was trained with.

    Returns:
        The classifier in evaluation mode, on the CPU.

    Raises:
        UserError: If the file is a URL, missing, cut off, no checkpoint of this project, or does not fit its own
            hyperparameters.
    """
    content = read_checkpoint(path)
    known = inspect.signature(LitClassifier).parameters
    options = {key: value for key, value in content["hyper_parameters"].items() if key in known}
    if mitigations is not None:
        options["mitigations"] = list(mitigations)
    # The checkpoint holds every parameter, so the weights the training began from need not be at hand.
    classifier = LitClassifier(**{**options, "weights": None})
    load_strictly(classifier, options["backbone"], content["state_dict"], f"'{path}'")
    return classifier.eval()


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint's content and see that it is one of this project's.

    Args:
        path: A `.ckpt` file that `train.py` wrote.

    Returns:
        Lightning's dictionary, with `state_dict`, `hyper_parameters` and `datamodule_hyper_parameters`.

    Raises:
        UserError: If it is not.
    """
    content = read_torch_file(path)
    if not isinstance(content, dict) or "backbone" not in content.get("hyper_parameters", {}):
        raise UserError(f"'{path}' is no checkpoint of this project; a bare state dict is named as <backbone>@{path}.")
    return content
