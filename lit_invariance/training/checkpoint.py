"""A network back from a training's checkpoint, without executing anything the file holds."""

import inspect
import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, ValidationError, create_model
from torch import Tensor

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.errors import UserError
from lit_invariance.models.backbones import preprocessing_of
from lit_invariance.models.exported.reading import is_exported
from lit_invariance.models.hub import from_disk
from lit_invariance.models.torch_file import SAFETENSORS, read_torch_file
from lit_invariance.models.weights import load_strictly
from lit_invariance.names import printable
from lit_invariance.protocols.window import as_size, in_words, sides
from lit_invariance.registry import Spec
from lit_invariance.training.classifier import LitClassifier
from lit_invariance.training.packed import read_packed
from lit_invariance.user_code.importing import PYTHON

NEEDED = ("backbone", "num_classes", "image_size")
MOST_SIDE = 4096
"""Side of a picture in pixels that a foreign file may ask for; a network of twice that would not fit into memory."""


class DataParts(BaseModel):
    """What the data leave in a checkpoint: the class of each output."""

    model_config = ConfigDict(strict=True)

    class_names: list[str] | None = None


class Parts(BaseModel):
    """What Lightning writes into a checkpoint; entries that only a resumed training needs may be missing."""

    model_config = ConfigDict(strict=True)

    state_dict: dict[str, InstanceOf[Tensor]]
    hyper_parameters: dict[str, Any]
    datamodule_hyper_parameters: dict[str, Any] = {}
    epoch: int = 0
    global_step: int = 0
    loops: dict[str, Any] = {}
    callbacks: dict[str, Any] = {}
    optimizer_states: list[dict[str, Any]] = []
    lr_schedulers: list[dict[str, Any]] = []
    data: DataParts = Field(DataParts(), alias="InvarianceData")


def load_checkpoint(
    path: str | Path, mitigations: Sequence[Spec] | None = None, code: str | None = None
) -> LitClassifier:
    """Rebuild a trained classifier.

    Args:
        path: A `.ckpt` file that `train.py` wrote, or a `.safetensors` file that `pack` made of it.
        mitigations: Those it is given; None takes those it was trained with.
        code: For a network of the user's own, the text `python:...` that it was trained with. The file names it too,
            but code is run only if you name it yourself.

    Returns:
        The classifier in evaluation mode, on the CPU.

    Raises:
        UserError: If the file is a URL, missing, cut off, no checkpoint of this project, or does not fit its own
            hyperparameters.
    """
    return rebuild(path, read_checkpoint(path), mitigations, code)


def rebuild(
    path: str | Path, content: Mapping[str, Any], mitigations: Sequence[Spec] | None = None, code: str | None = None
) -> LitClassifier:
    """Rebuild a trained classifier from a checkpoint that was read already.

    Args:
        path: The file, for error messages.
        content: What `read_checkpoint` returned of it.
        mitigations: As in `load_checkpoint`.
        code: As in `load_checkpoint`.

    Returns:
        The classifier in evaluation mode, on the CPU.

    Raises:
        UserError: If the content does not fit its own hyperparameters, or names code that the user does not.
    """
    check_code(path, content, code)
    known = inspect.signature(LitClassifier).parameters
    options = {key: value for key, value in content["hyper_parameters"].items() if key in known}
    if mitigations is not None:
        options["mitigations"] = list(mitigations)
    try:
        with from_disk():
            # The checkpoint holds every parameter, so the weights that the training started from are not needed.
            classifier = LitClassifier(**{**options, "weights": None})
            # They decide on what it expects of a picture all the same.
            recipe = preprocessing_of(options["backbone"], options.get("weights"))
        recipe = recipe if len(recipe.mean) == len(classifier.mean) else recipe.grey()
        classifier.configure_preprocessing(recipe.trained_at(classifier.image_size))
    except UserError as error:
        raise UserError(f"'{path}' cannot be turned into a network: {error}") from error
    load_strictly(classifier, options["backbone"], content["state_dict"], f"'{path}'")
    classifier.trained_classes = classifier.num_classes  # whatever code of the user's gave the network before
    return classifier.eval()


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint's content and see that it is one of this project's, and whole.

    Args:
        path: A `.ckpt` file that `train.py` wrote, or a `.safetensors` file that `pack` made of it.

    Returns:
        Lightning's dictionary, with `state_dict`, `hyper_parameters` and `datamodule_hyper_parameters`.

    Raises:
        UserError: If it is not.
    """
    content = read_packed(path) if Path(path).suffix == SAFETENSORS else read_torch_file(path)
    options = content.get("hyper_parameters") if isinstance(content, dict) else None
    if not isinstance(options, dict) or "backbone" not in options:
        raise UserError(f"'{path}' is not a checkpoint of this project; name a bare state dict as <backbone>@{path}.")
    _see(path, Parts, content)
    _see(path, _options_of(LitClassifier, NEEDED), options)
    _see(path, _options_of(InvarianceData), content.get("datamodule_hyper_parameters", {}))
    classes = options["num_classes"]
    try:
        size = as_size(options["image_size"])
    except ValueError as error:
        raise UserError(f"the image_size of '{path}' is wrong: {error}") from error
    # A network is built to these numbers before its weights are compared with it.
    if not any(value.ndim and len(value) == classes for value in content["state_dict"].values()):
        raise UserError(f"'{path}' contradicts itself: none of its parameters has {classes} classes; train again.")
    if max(sides(size)) > MOST_SIDE:
        raise UserError(f"'{path}' is for pictures of {in_words(size)} pixels; the limit is {MOST_SIDE}.")
    return content


class UnnamedCode(UserError):
    """A checkpoint whose network is code that the user does not name."""


def check_code(path: str | Path, content: Mapping[str, Any], code: str | None) -> None:
    """Refuse to run code that a checkpoint names, and the user does not: the file may be a stranger's.

    Args:
        path: The file, for error messages.
        content: What `read_checkpoint` returned of it.
        code: The code that the user names, if any.

    Raises:
        UserError: If it names code, and not the same.
    """
    named = content["hyper_parameters"]["backbone"]
    if is_exported(named):  # which cannot have been trained, and is no file of the user's choice
        raise UserError(f"'{path}' names the exported file {printable(named)} as its network; name that file itself.")
    if code is None and named.startswith(PYTHON):
        raise UnnamedCode(
            f"'{path}' was trained with the code {printable(named)}, which is run only if you name it: "
            f"write {shlex.quote(printable(f'{named}@{path}'))}."
        )
    if code is not None and named != code:
        raise UserError(f"'{path}' was trained with model.backbone {printable(named)}, not {code}; name that.")


def _see(path: str | Path, schema: type[BaseModel], values: Mapping[str, Any]) -> None:
    try:
        schema.model_validate(values)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, fault["loc"]))[:200]
        raise UserError(
            f"'{path}' is not a complete checkpoint: {place}: {fault['msg'].lower()}; train again, or copy the "
            "file again."
        ) from error


@cache
def _options_of(made: Callable[..., Any], needed: tuple[str, ...] = ()) -> type[BaseModel]:
    """The schema of a class's arguments; others, which another version may have had, are passed over."""
    hints = get_type_hints(made.__init__)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(made).parameters.items():
        required = name in needed or parameter.default is inspect.Parameter.empty
        fields[name] = (hints[name], ... if required else parameter.default)
    return create_model("Options", __config__=ConfigDict(strict=True, arbitrary_types_allowed=True), **fields)
