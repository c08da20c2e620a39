"""What `--models` names: checkpoints of this project, or backbones with weights."""

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from pytorch_lightning.utilities import rank_zero_info

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.errors import UserError, unknown
from lit_invariance.evaluation.source_text import split_mitigations, split_name, split_source
from lit_invariance.mitigations import LOSSES, MITIGATIONS
from lit_invariance.models.torch_file import read_torch_file
from lit_invariance.names import printable
from lit_invariance.protocols.window import Size
from lit_invariance.registry import Spec, parse_spec
from lit_invariance.training.checkpoint import UnnamedCode, check_code, read_checkpoint
from lit_invariance.training.packed import is_packed
from lit_invariance.user_code.importing import PYTHON

CHECKPOINTS = Path("checkpoints")


@dataclass(frozen=True)
class ModelSource:
    """Where a model comes from.

    Attributes:
        name: Its name in tables.
        text: The source as the user wrote it.
        checkpoint: A checkpoint file of this project, or None.
        backbone: Name of a backbone; for a checkpoint, the code that the user lets it run, otherwise empty.
        weights: None for random ones, `"default"`, a published name or a file; see `create_backbone`.
        image_size: Size of a backbone's input in pixels, None for that of its recipe or of the data.
        classes: Number of outputs of a checkpoint, None for a backbone.
        class_names: The class of each output of a checkpoint, None where it does not say.
        data: Settings of the data a checkpoint was trained on, None for a backbone.
        mitigations: Those a checkpoint was trained with, and those the user adds.
        content: What was read of a checkpoint, until a network is made of it.
    """

    name: str
    text: str
    checkpoint: Path | None = None
    backbone: str = ""
    weights: str | None = None
    image_size: Size | None = None
    classes: int | None = None
    class_names: Sequence[str] | None = None
    data: Mapping[str, Any] | None = None
    mitigations: Sequence[Spec] = ()
    content: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def translation(self) -> dict[str, Any] | None:
        """The translation augmentation it was trained with."""
        return None if self.data is None else self.data.get("translation")


def find_sources(texts: Sequence[str] | None, folder: Path = CHECKPOINTS) -> list[ModelSource]:
    """Resolve what the user asked to compare.

    Args:
        texts: Entries `name=source` or `source`; None takes every `best.ckpt` below `folder`, named by its run; before
            the first training, those of the built-in data that come with the project.
        folder: Where training leaves its runs.

    Raises:
        UserError: If there is nothing to compare, a file is missing, or two models have the same name.
    """
    found = _found(folder) if texts is None else map(parse_source, texts)
    sources: dict[str, ModelSource] = {}
    for source in found:
        if source.name in sources:
            raise UserError(f"two models are called '{source.name}'; write --models name=source with different names.")
        sources[source.name] = source
    return list(sources.values())


def _found(folder: Path) -> Iterator[ModelSource]:
    """All runs that can be compared without another word of the user."""
    paths = _trained(folder)
    if not paths:
        raise UserError(f"there is no {folder}/*/best.ckpt; train a model first, or name one with --models.")
    left_out: list[UnnamedCode] = []
    for path in paths:
        try:
            yield parse_source(str(path))
        except UnnamedCode as error:
            left_out.append(error)
    if len(left_out) == len(paths):
        raise left_out[0]
    for reason in left_out:
        rank_zero_info(f"left out:    {reason}")


def parse_source(text: str) -> ModelSource:
    """Read one entry of `--models`.

    Args:
        text: `[name=]source[+mitigation...]`; the source is the path of a `.ckpt` file, `<backbone>` for its published
            weights, or `<backbone>@<weights>` with `none`, a published name or a local file as weights;
            `<backbone>:299` gives it its own input size. `create_backbone` says what a backbone may be. Each
            mitigation, surgery or inference wrapper, is a name or `{name: {option: value}}`.

    Raises:
        UserError: If the source is a URL, a missing file, no checkpoint, or a weights file without its backbone, or a
            mitigation is unknown or acts on training only.
    """
    name, source = split_name(text)
    plain, added = split_mitigations(source)
    found = _plain_source(name, plain)
    # Bytes that are not UTF-8 may be in a path, but not in a table or a page.
    name, text = printable(found.name), printable(source)
    return replace(found, name=name, text=text, mitigations=[*found.mitigations, *map(_mitigation, added)])


def _trained(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/best.ckpt")) or sorted(folder.glob("released/shapes/*/model.safetensors"))


def _plain_source(name: str, source: str) -> ModelSource:
    """Read a source without mitigations added; an empty name is taken from it."""
    if "://" in source.partition("{")[0]:
        raise UserError(f"'{source}' is a URL; download the file yourself and name the local copy.")
    if (source.endswith(".ckpt") and ("@" not in source or os.path.isfile(source))) or is_packed(source):
        return _checkpoint(name, source)
    parts = split_source(source)
    if parts.backbone.startswith(PYTHON) and parts.weights is not None and _is_ours(parts.weights):
        return _checkpoint(name, parts.weights, parts.backbone)
    # The weights that code gives a network are no choice of ours.
    none = "default" if parts.backbone.startswith(PYTHON) else None
    weights = {None: "default", "none": none}.get(parts.weights, parts.weights)
    return ModelSource(name or parts.short, source, backbone=parts.backbone, weights=weights, image_size=parts.size)


def choose_reference(sources: Sequence[ModelSource], wanted: str | None, listed: bool) -> str:
    """Choose the model that the others are compared with.

    Args:
        sources: The models.
        wanted: The name the user gave, if any.
        listed: Whether the user listed the models himself.

    Returns:
        `wanted`; else `baseline` where a model is called so; else the first of the user's list. Among all runs of the
        checkpoint folder, the only one trained without mitigation and translation, else the first by name.

    Raises:
        UserError: If no model has the wanted name.
    """
    names = [source.name for source in sources]
    if wanted is not None and wanted not in names:
        raise unknown("reference model", wanted, names)
    if wanted is not None or "baseline" in names:
        return wanted or "baseline"
    plain = [] if listed else [source.name for source in sources if not source.mitigations and not source.translation]
    return plain[0] if len(plain) == 1 else names[0]


def _mitigation(text: str) -> Spec:
    try:
        spec: Spec = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"'{text}' is not a mitigation; write +name or '+{{name: {{option: value}}}}'.") from error
    name, _ = parse_spec("mitigation", spec)
    if name not in MITIGATIONS:
        raise unknown("mitigation", name, MITIGATIONS)
    if name in LOSSES:
        raise UserError(f"mitigation {name} acts on training only; train with it, and evaluate the checkpoint.")
    return spec


def _is_ours(path: str) -> bool:
    """Whether a file is a checkpoint of this project, and not of another LightningModule."""
    if is_packed(path):
        return True
    if not path.endswith(".ckpt") or not os.path.isfile(path):
        return False
    content = read_torch_file(path)
    return isinstance(content, dict) and "backbone" in (content.get("hyper_parameters") or ())


def _checkpoint(name: str, text: str, code: str = "") -> ModelSource:
    path = Path(text)
    if not path.is_file():
        known = [str(other) for other in sorted(CHECKPOINTS.glob("*/*.ckpt"))]
        near = difflib.get_close_matches(text, known, n=3, cutoff=0.5)
        raise UserError(f"there is no checkpoint '{text}'; {f'did you mean {near[0]}?' if near else 'check the path.'}")
    content = read_checkpoint(path)
    check_code(path, content, code or None)
    run = path.absolute().parent.name if path.stem in ("best", "last", "model") else path.stem
    return ModelSource(
        name or run,
        text,
        checkpoint=path,
        backbone=code,
        classes=content["hyper_parameters"].get("num_classes"),
        class_names=content.get(InvarianceData.__name__, {}).get("class_names"),
        data=content.get("datamodule_hyper_parameters", {}),
        mitigations=content["hyper_parameters"].get("mitigations") or [],
        content={part: content[part] for part in ("hyper_parameters", "state_dict")},  # not the optimiser's share
    )
