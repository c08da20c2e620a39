"""timm's networks, their published weights and the preprocessing that belongs to each tag."""

import inspect
import sys
from functools import partial
from pathlib import Path
from typing import Any

import timm
from torch import nn

from lit_invariance.errors import UserError, unknown
from lit_invariance.models.entry import Entry, State
from lit_invariance.models.hub import fetch
from lit_invariance.models.preprocessing import BY_DEFAULT, Preprocessing
from lit_invariance.models.state_dict import is_file_name, split_entry
from lit_invariance.models.timm_hub import timm_hub_network
from lit_invariance.models.torch_file import read_torch_file
from lit_invariance.protocols.window import as_size

# What timm calls the functions that convert a network's files; each module of networks has its own.
CONVERTERS = ("checkpoint_filter_fn", "_filter_fn", "_filter_torchvision_pretrained")
SAFETENSORS = "model.safetensors"


def timm_network(model: str, weights: str | None) -> Entry:
    """Describe a network of timm with the weights chosen for it.

    Args:
        model: Name of the network, with or without the tag of weights: `resnet50`, `resnet50.a1_in1k`; or
            `hf-hub:<id>`, `local-dir:<folder>`.
        weights: As in `create_backbone`; a tag of published weights goes before the one in the name.

    Raises:
        UserError: If timm has no such network, or no weights of that tag.
    """
    scheme, colon, place = model.partition(":")
    if colon:
        return timm_hub_network(scheme, place, weights)
    architecture, _, tag = model.partition(".")
    if not timm.is_model(architecture):
        raise unknown("backbone", f"timm/{model}", [f"timm/{other}" for other in timm.list_models()])
    tags = [name.partition(".")[2] for name in timm.list_pretrained(f"{architecture}.*")]
    if tag and tag not in tags:
        raise unknown(f"weights tag of timm/{architecture}", tag, tags)
    chosen = _chosen(architecture, weights, tags)
    if weights not in (None, "default") and chosen is None and not is_file_name(str(weights)):
        raise unknown(f"weights of timm/{architecture}", str(weights), ["default", *tags])
    known = bool(chosen or tag or weights == "default")
    tag = chosen or tag
    name = f"{architecture}.{tag}" if tag else architecture
    config = timm.get_pretrained_cfg(name)
    published = chosen is not None or weights == "default"
    return Entry(
        make=lambda num_classes: timm.create_model(name, num_classes=num_classes),
        published=partial(_weights, architecture, config),
        preprocessing=Preprocessing() if config is None else _preprocessing(architecture, config, known),
        heads=_heads(config),
        convert=partial(_convert, architecture),
        classes=config.num_classes if published and config is not None else None,
    )


def _chosen(architecture: str, weights: str | None, tags: list[str]) -> str | None:
    """Tag of the published weights that are meant, by the tag itself or by the name of their file."""
    if weights is None or weights in tags:
        return weights
    file = Path(split_entry(weights)[0])
    for tag in tags:
        config: Any = timm.get_pretrained_cfg(f"{architecture}.{tag}")
        if file.stem == f"{architecture}.{tag}" or file.name == Path(config.url or "none").name:
            return tag
    return None


def _heads(config: Any) -> tuple[str, ...]:
    named = None if config is None else config.classifier
    return (named,) if isinstance(named, str) else tuple(named or ())


def _preprocessing(architecture: str, config: Any, known: bool) -> Preprocessing:
    return Preprocessing(
        mean=tuple(config.mean),
        std=tuple(config.std),
        size=as_size(config.input_size[1:]),
        crop_pct=config.crop_pct,
        interpolation=config.interpolation,
        crop_mode=config.crop_mode,
        recipe=f"timm {architecture}" + (f"{'.' if known else BY_DEFAULT}{config.tag}" if config.tag else ""),
    )


def _weights(architecture: str, config: Any) -> State:
    if config is None or not config.has_weights:
        raise UserError(f"timm publishes no weights for {architecture}; give weights as the path of a file, or none.")
    if config.hf_hub_id is None:
        raise UserError(
            f"the weights of timm/{architecture} are not on its hub; download {config.url} and give weights as the "
            "path of that file."
        )
    whose = f"the weights of timm/{architecture}"
    return read_torch_file(fetch(config.hf_hub_id, SAFETENSORS, whose))  # type: ignore[no-any-return]


def _convert(architecture: str, state: State, network: nn.Module) -> State:
    """Rename and reshape as timm does when it loads a file of the network's authors."""
    module = sys.modules[timm.model_entrypoint(architecture).__module__]
    converter = next((getattr(module, name) for name in CONVERTERS if hasattr(module, name)), None)
    if converter is None:
        return state
    arguments = (dict(state), network)[: len(inspect.signature(converter).parameters)]  # some look at the state alone
    try:
        return converter(*arguments)  # type: ignore[no-any-return]
    except Exception:  # the weights are of another network; strict loading gives a better error
        return state
