"""Exported files as networks: `model.onnx`, or `model.onnx{mean: [...], std: [...]}` for one of another program's."""

from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from torch import Tensor, nn

from lit_invariance.errors import UserError, said_by, see_known
from lit_invariance.models.entry import Entry, State
from lit_invariance.models.exported.description import PICTURES
from lit_invariance.models.exported.file import ExportedFile, ExportedNetwork
from lit_invariance.models.exported.reading import file_of, read_exported
from lit_invariance.models.own_recipe import read_recipe
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.protocols.window import sides

OPTIONS = ("mean", "std", "size", "crop_pct", "interpolation", "crop_mode")
USUAL_SIDE = 224


class Facts(NamedTuple):
    """What is known of an exported file.

    Attributes:
        file: The file.
        preprocessing: What it expects of a picture.
        outputs: Number of its outputs K.
    """

    file: ExportedFile
    preprocessing: Preprocessing
    outputs: int


def exported_network(text: str, weights: str | None) -> Entry:
    """Describe the network in an exported file.

    What it expects of a picture is read from its metadata, if this project exported it; otherwise the user says it.

    Args:
        text: The file, with `{mean: [...], std: [...], size: S, crop_pct: ..., interpolation: ..., crop_mode: ...}`
            where the file does not say it, or something else is wanted.
        weights: None or `"default"`: its own.

    Raises:
        UserError: If there is no such file, it cannot be run or does not return logits, or nobody says what it expects.
    """
    name, _, options = text.partition("{")
    if weights not in (None, "default"):
        raise UserError(f"'{name}' is an exported file, which has its own weights; leave '@{weights}' out.")
    path = file_of(name)
    state = path.stat()
    facts = _facts(name, options and f"{{{options}", state.st_mtime_ns, state.st_size)
    about = facts.file.description
    return Entry(
        make=lambda num_classes: ExportedNetwork(facts.file),
        published=partial(_no_published, name),
        preprocessing=facts.preprocessing,
        classes=facts.outputs,
        whole=True,
        headless=True,
        class_names=None if about is None else about.class_names,
        files=(path, *filter(Path.is_file, [path.with_suffix(".bin")])),
    )


@lru_cache(maxsize=16)
def _facts(name: str, options: str, changed: int, size: int) -> Facts:
    """Open a file, once for each of its states on the disk."""
    file = read_exported(name)
    expected = _expected(name, file, options)
    if file.side not in (None, expected.size):
        raise UserError(f"'{name}' takes pictures of {file.side} x {file.side} pixels, not of {expected.size}.")
    if file.channels not in (None, len(expected.mean)):
        raise UserError(f"'{name}' takes pictures of {file.channels} channels, but mean has {len(expected.mean)}.")
    network: nn.Module = ExportedNetwork(file)
    try:
        answer: Any = network(torch.full((2, len(expected.mean), *sides(expected.size)), 0.5))
    except Exception as error:  # each library raises its own types
        raise UserError(f"'{name}' does not take two pictures of {expected.size} pixels: {said_by(error)}.") from error
    if not isinstance(answer, Tensor) or answer.ndim != 2 or len(answer) != 2:
        raise UserError(f"'{name}' must return logits (N, K), not {tuple(getattr(answer, 'shape', ()))}.")
    return Facts(file, expected, answer.shape[1])


def _expected(name: str, file: ExportedFile, options: str) -> Preprocessing:
    given = _read(name, options)
    about = file.description
    known: dict[str, Any] = {}
    if about is not None:
        known = {option: getattr(about, option) for option in OPTIONS}
    elif not {"mean", "std"} <= given.keys():
        raise UserError(
            f"'{name}' does not say what it expects of pictures; write '{name}{{mean: [0.485, 0.456, 0.406], std: "
            "[0.229, 0.224, 0.225]}' with the numbers of its training, or mean 0 and std 1 if it takes [0, 1]."
        )
    fields = {"interpolation": "bilinear", "crop_pct": None, "size": file.side or USUAL_SIDE, **known, **given}
    found = read_recipe({**fields, "input_size": [len(fields["mean"]), fields["size"], fields["size"]]})
    assert found is not None
    inside = about is not None and about.input == PICTURES and not {"mean", "std"} & given.keys()
    whose = about.recipe if about is not None and about.recipe and not given else Path(name).name
    return Preprocessing(
        found.mean, found.std, found.size, found.crop_pct, found.interpolation, found.crop_mode, whose, inside
    )


def _read(name: str, options: str) -> dict[str, Any]:
    try:
        read = yaml.safe_load(options or "{}")
    except yaml.YAMLError as error:
        raise UserError(f"the options of '{name}' cannot be read; write {name}{{mean: [...], std: [...]}}.") from error
    see_known(f"option of '{name}'", map(str, read), OPTIONS)
    size = read.get("size", 2)
    if isinstance(size, bool) or not isinstance(size, int) or size < 2:
        raise UserError(f"'{name}': size is {size!r}; it must be a whole number of pixels.")
    for option in ("mean", "std"):
        if isinstance(read.get(option), int | float):
            read[option] = [read[option]] * 3
    return dict(read)


def _no_published(name: str) -> State:
    raise UserError(f"'{name}' is an exported file; it has no other weights than its own.")
