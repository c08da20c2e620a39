"""Torchvision's classifiers, their published weights and the preprocessing that belongs to each."""

import re
from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
import torchvision.models
from torch import nn

from lit_invariance.errors import UserError, unknown
from lit_invariance.models.entry import Entry, State
from lit_invariance.models.preprocessing import BY_DEFAULT, Preprocessing
from lit_invariance.models.state_dict import split_entry

# The Inception networks: without the classifiers that only guide training from scratch, and with the change of
# normalisation that their published weights were made with.
INCEPTION: dict[str, dict[str, bool]] = {
    name: {"aux_logits": False, "transform_input": True, "init_weights": True} for name in ("googlenet", "inception_v3")
}
# Layers of a DenseNet were called norm.1 before a module's name could hold no point; the published files still have it.
POINTED = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.\w+)$")
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")


def torchvision_network(model: str, weights: str | None) -> Entry:
    """Describe a network of torchvision with the weights chosen for it.

    Args:
        model: Name of the network, such as `resnet50`.
        weights: As in `create_backbone`.

    Raises:
        UserError: If torchvision has no classifier of that name.
    """
    known = torchvision.models.list_models(module=torchvision.models)
    if model not in known:
        raise unknown("backbone", f"torchvision/{model}", [f"torchvision/{other}" for other in known])
    published: Any = torchvision.models.get_model_weights(model)
    chosen = published_name(f"torchvision/{model}", weights)
    entry = published[chosen or "DEFAULT"]
    return Entry(
        make=lambda num_classes: torchvision.models.get_model(
            model, weights=None, num_classes=num_classes, **INCEPTION.get(model, {})
        ),
        published=partial(_weights, model, weights),
        preprocessing=_preprocessing(entry, f"torchvision {model}{' ' if chosen else BY_DEFAULT}{entry.name}"),
        classes=len(entry.meta["categories"] or ()) if chosen else None,
        auxiliary=AUXILIARY if model in INCEPTION else (),
        convert=convert_names,
    )


def published_name(name: str, weights: str | None) -> str | None:
    """Return which of torchvision's published weights a network has, by their name or that of their file.

    Args:
        name: Name of the backbone.
        weights: As in `create_backbone`.

    Returns:
        A name such as `IMAGENET1K_V1`; None for other weights and other libraries.
    """
    library, _, model = name.partition("/")
    if library != "torchvision" or weights is None:
        return None
    known: Any = torchvision.models.get_model_weights(model)
    if weights == "default":
        return str(known["DEFAULT"].name)
    files = {Path(entry.url).name: entry.name for entry in known}
    return weights if weights in known.__members__ else files.get(Path(split_entry(weights)[0]).name)


def _preprocessing(entry: Any, recipe: str) -> Preprocessing:
    preset = entry.transforms()
    (size,), (length,) = preset.crop_size, preset.resize_size
    return Preprocessing(
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        size=size,
        crop_pct=size / length,
        interpolation=preset.interpolation.value,
        recipe=recipe,
    )


def _weights(model: str, weights: str | None) -> State:
    known: Any = torchvision.models.get_model_weights(model)
    wanted = "DEFAULT" if weights == "default" else str(weights)
    if wanted not in known.__members__:
        raise unknown(f"weights of torchvision/{model}", wanted, ["default", *known.__members__])
    try:
        state: State = known[wanted].get_state_dict(progress=True, check_hash=True)
    except (URLError, OSError) as error:
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        raise UserError(
            f"the weights {known[wanted].url} cannot be downloaded ({error}); put that file into {folder}, or give "
            "weights as the path of a local file."
        ) from error
    return state


def convert_names(state: State, network: nn.Module) -> State:
    """Rename what torchvision renames when it loads its own files.

    Args:
        state: Names to tensors.
        network: The network, which plays no part in it.

    Returns:
        As `state`, with its metadata.
    """
    renamed = OrderedDict((POINTED.sub(r"\1\2", key), value) for key, value in state.items())
    renamed._metadata = getattr(state, "_metadata", None)  # type: ignore[attr-defined]
    return renamed
