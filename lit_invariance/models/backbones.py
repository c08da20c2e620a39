"""From a name such as `torchvision/resnet50` to a network, its weights and the normalisation it expects."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import URLError

import huggingface_hub
import timm
import torch
import torchvision.models
from pytorch_lightning.utilities import rank_zero_info
from torch import Tensor, nn

from lit_invariance.constants import IMAGENET_MEAN, IMAGENET_STD
from lit_invariance.errors import UserError, unknown
from lit_invariance.models.small_resnet import SmallResNet
from lit_invariance.models.weights import is_file_name, load_strictly, read_state_dict

# Torchvision's Inception networks: without the classifiers that only guide training from scratch, and with the change
# of normalisation that their published weights were made with.
INCEPTION: dict[str, dict[str, bool]] = {
    name: {"aux_logits": False, "transform_input": True, "init_weights": True} for name in ("googlenet", "inception_v3")
}
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")


@dataclass(frozen=True)
class Backbone:
    """A network with what it expects of its input.

    Attributes:
        network: `(N, 3, S, S)` normalised images -> logits `(N, K)`.
        head: Name of the module that maps features to classes.
        mean: Channel means in [0, 1] that the network's input is reduced by.
        std: Channel standard deviations that it is divided by.
        new_head: Whether the classification layer is untrained, because the weights have another number of classes.
    """

    network: nn.Module
    head: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    new_head: bool = False


@dataclass(frozen=True)
class _Entry:
    """One network of one library, not yet built; `auxiliary` are the prefixes of weights that it has no use for."""

    make: Callable[[int], nn.Module]
    published: Callable[[str], Mapping[str, Tensor]]
    auxiliary: tuple[str, ...] = ()
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD


def create_backbone(name: str, weights: str | None, num_classes: int) -> Backbone:
    """Build a network by name and load its weights.

    Args:
        name: `torchvision/<model>`, `timm/<model>[.<tag>]`, `antialiased_cnns/<model>`, `tiny_resnet` or
            `cifar_resnet20`.
        weights: None for random ones; `"default"` or a published name (`IMAGENET1K_V1`, a timm tag); or a local file.
        num_classes: Number of outputs K. Where the weights have another number, the head is a new one.

    Returns:
        The network, in training mode.

    Raises:
        UserError: If the name is unknown, or the weights are unknown, out of reach or made for another network.
    """
    entry = _find(name)
    network = entry.make(num_classes)
    head = _head_of(network, num_classes, name)
    new_head = False
    if weights is not None:
        state = read_state_dict(weights) if is_file_name(weights) else entry.published(weights)
        state = {key: value for key, value in state.items() if not key.startswith(entry.auxiliary)}
        new_head = load_strictly(network, name, state, f"'{weights}'", optional=f"{head}.")
    if new_head:
        rank_zero_info(f"{name}: the weights have another number of classes; {head} is new, with {num_classes}.")
    return Backbone(network, head, entry.mean, entry.std, new_head)


def _find(name: str) -> _Entry:
    library, _, model = name.partition("/")
    if not model and library in BUILT_IN:
        return BUILT_IN[library]
    if library not in LIBRARIES or not model:
        raise unknown("backbone", name, [f"{library}/resnet50" for library in LIBRARIES] + list(BUILT_IN))
    return LIBRARIES[library](model)


def _head_of(network: nn.Module, num_classes: int, name: str) -> str:
    """Name of the last layer that has one output per class."""
    head = ""
    for path, module in network.named_modules():
        outputs = getattr(module, "out_features", None) or getattr(module, "out_channels", None)
        if isinstance(module, nn.Linear | nn.Conv2d) and outputs == num_classes:
            head = path
    if not head:
        raise UserError(f"backbone {name} has no classification layer with {num_classes} outputs; choose a classifier.")
    return head


def _torchvision(model: str) -> _Entry:
    known = torchvision.models.list_models(module=torchvision.models)
    if model not in known:
        raise unknown("backbone", f"torchvision/{model}", [f"torchvision/{other}" for other in known])
    published = torchvision.models.get_model_weights(model)
    preset: Any = published["DEFAULT"].transforms()
    return _Entry(
        make=lambda num_classes: torchvision.models.get_model(
            model, weights=None, num_classes=num_classes, **INCEPTION.get(model, {})
        ),
        auxiliary=AUXILIARY if model in INCEPTION else (),
        published=partial(_torchvision_weights, model),
        mean=tuple(preset.mean),
        std=tuple(preset.std),
    )


def published_name(name: str, weights: str | None) -> str | None:
    """Tell which of torchvision's published weights a network has, by their name or that of their file.

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
    return weights if weights in known.__members__ else files.get(Path(weights).name)


def _torchvision_weights(model: str, weights: str) -> Mapping[str, Tensor]:
    known: Any = torchvision.models.get_model_weights(model)
    wanted = "DEFAULT" if weights == "default" else weights
    if wanted not in known.__members__:
        raise unknown(f"weights of torchvision/{model}", weights, ["default", *known.__members__])
    try:
        state: Mapping[str, Tensor] = known[wanted].get_state_dict(progress=True, check_hash=True)
    except (URLError, OSError) as error:
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        raise UserError(
            f"the weights {known[wanted].url} cannot be downloaded ({error}); put that file into {folder}, or give "
            "weights as the path of a local file."
        ) from error
    return state


def _timm(model: str) -> _Entry:
    architecture, _, tag = model.partition(".")
    if not timm.is_model(architecture):
        raise unknown("backbone", f"timm/{model}", [f"timm/{other}" for other in timm.list_models()])
    tags = [other.partition(".")[2] for other in timm.list_pretrained(f"{architecture}.*")]
    if tag and tag not in tags:
        raise unknown(f"weights tag of timm/{architecture}", tag, tags)
    config = timm.get_pretrained_cfg(model)
    return _Entry(
        make=lambda num_classes: timm.create_model(model, num_classes=num_classes),
        published=partial(_timm_weights, architecture, tag, tags),
        mean=tuple(config.mean) if config else IMAGENET_MEAN,
        std=tuple(config.std) if config else IMAGENET_STD,
    )


def _timm_weights(architecture: str, tag: str, tags: list[str], weights: str) -> Mapping[str, Tensor]:
    wanted = tag if weights == "default" else weights
    if wanted and wanted not in tags:
        raise unknown(f"weights of timm/{architecture}", weights, ["default", *tags])
    config = timm.get_pretrained_cfg(f"{architecture}.{wanted}" if wanted else architecture)
    if config is None or config.hf_hub_id is None:
        raise UserError(f"timm publishes no weights for {architecture}; give weights as the path of a file, or none.")
    repository = config.hf_hub_id
    huggingface_hub.logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # its retries would fill the screen before our one sentence
    try:
        file = huggingface_hub.hf_hub_download(repository, "model.safetensors")
    except Exception as error:  # the client raises another family of errors with each of its releases
        raise UserError(
            f"the weights of timm/{architecture} cannot be downloaded; fetch model.safetensors of the hub repository "
            f"{repository} and give weights as the path of that file."
        ) from error
    return read_state_dict(file)


def _antialiased_cnns(model: str) -> _Entry:
    try:
        import antialiased_cnns
    except ImportError as error:
        raise UserError(
            "antialiased-cnns is not installed; 'pip install lit-invariance[antialiased]' brings it."
        ) from error
    known = set(torchvision.models.list_models(module=torchvision.models)) & set(vars(antialiased_cnns))
    if model not in known:
        raise unknown("backbone", f"antialiased_cnns/{model}", [f"antialiased_cnns/{other}" for other in known])
    network = getattr(antialiased_cnns, model)
    rank_zero_info("antialiased-cnns and its weights are licensed CC BY-NC-SA 4.0: not for commercial use.")
    return _Entry(
        make=lambda num_classes: network(pretrained=False, num_classes=num_classes),
        published=partial(_antialiased_weights, network, model),
    )


def _antialiased_weights(make: Callable[..., nn.Module], model: str, weights: str) -> Mapping[str, Tensor]:
    if weights != "default":
        raise unknown(f"weights of antialiased_cnns/{model}", weights, ["default"])
    try:
        return make(pretrained=True).state_dict()
    except (URLError, OSError) as error:
        raise UserError(
            f"the weights of antialiased_cnns/{model} cannot be downloaded ({error}); their host is often closed: give "
            "weights as the path of a local file."
        ) from error


def _small(make: Callable[[int], nn.Module]) -> _Entry:
    def published(weights: str) -> Mapping[str, Tensor]:
        raise UserError(f"there are no published weights '{weights}' for a built-in network; give a file, or none.")

    return _Entry(make, published)


LIBRARIES: dict[str, Callable[[str], _Entry]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "antialiased_cnns": _antialiased_cnns,
}
BUILT_IN: dict[str, _Entry] = {
    "tiny_resnet": _small(lambda num_classes: SmallResNet(num_classes, blocks=2, pool=True)),
    "cifar_resnet20": _small(lambda num_classes: SmallResNet(num_classes, blocks=3, pool=False)),
}
