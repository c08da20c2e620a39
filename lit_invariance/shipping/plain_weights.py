"""The weights alone, under the names of the plain network, and the lines of Python that make the network of them."""

import copy
from pathlib import Path
from typing import Any

from torch import nn

from lit_invariance.errors import UserError
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.own_network import OwnNetwork
from lit_invariance.mitigations import INFERENCE, SURGERY
from lit_invariance.models.exported.description import KEY
from lit_invariance.models.torchvision_networks import INCEPTION
from lit_invariance.registry import Spec, parse_spec
from lit_invariance.shipping.packing import Packed

LOAD = "network.load_state_dict(safetensors.torch.load_file({path!r}))"


def write_weights(packed: Packed, path: Path) -> None:
    """Write a `.safetensors` file of the network without normalisation, surgery's code and wrappers.

    Args:
        packed: What to write.
        path: Where to write it.
    """
    from safetensors.torch import save_file

    state = packed.model.classifier.backbone.state_dict()
    # Copies, because the format holds each byte once and in the order of the dimensions.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    save_file(tensors, path, {"format": "pt", KEY: packed.description.text()})


def surgery_of(model: Model) -> list[Spec]:
    """Return the surgery among a model's mitigations, which its weights alone do not hold."""
    return [spec for spec in model.mitigations if parse_spec("mitigation", spec)[0] in SURGERY]


def wrappers_of(model: Model) -> list[str]:
    """Return the names of the inference wrappers among a model's mitigations, which its weights do not hold either."""
    names = [parse_spec("mitigation", spec)[0] for spec in model.mitigations]
    return [name for name in names if name in INFERENCE]


def rebuilding(model: Model, classes: int, path: str, with_surgery: bool = True) -> list[str]:
    """Return the lines of Python, after their imports, that make a network of a library from a file of weights.

    Args:
        model: The model.
        classes: Number of its outputs.
        path: The file.
        with_surgery: Whether to apply the model's surgery, too.

    Raises:
        UserError: If the model is a network of the user's own.
    """
    library, _, name = model.backbone.partition("/")
    if isinstance(model.classifier, OwnNetwork):
        raise UserError(f"model {model.name} is a network of your own; load its weights into that.")
    made = f"lit_invariance.models.backbones.create_backbone({model.backbone!r}, None, {classes}).network"
    module = "lit_invariance.models.backbones"
    if library == "torchvision":
        options = "".join(f", {option}={value}" for option, value in INCEPTION.get(name, {}).items())
        module, made = library, f"torchvision.models.get_model({name!r}, num_classes={classes}{options})"
    elif library == "timm":
        module, made = library, f"timm.create_model({name!r}, num_classes={classes})"
    elif library == "antialiased_cnns":
        module, made = library, f"antialiased_cnns.{name}(pretrained=False, num_classes={classes})"
    lines = [f"network = {made}"]
    if with_surgery and surgery_of(model):
        lines.append(f"lit_invariance.apply_mitigations(network, {surgery_of(model)!r})")
        module = module if module.startswith("lit_invariance") else f"lit_invariance, {module}"
    return [f"import {module}, safetensors.torch", *lines, LOAD.format(path=path)]


def rebuilt(model: Model, classes: int, path: Path, with_surgery: bool = True) -> nn.Module:
    """Make the network from its file, by running the lines that the user is told.

    Args:
        model: The model; a network of the user's own is copied instead.
        classes: Number of its outputs.
        path: The file.
        with_surgery: As in `rebuilding`.

    Returns:
        The network, in evaluation mode.
    """
    if isinstance(model.classifier, OwnNetwork):
        from safetensors.torch import load_file

        network = copy.deepcopy(model.classifier.backbone)
        network.load_state_dict(load_file(path))
        return network.eval()
    made: dict[str, Any] = {}
    exec("\n".join(rebuilding(model, classes, str(path), with_surgery)), made)
    found: nn.Module = made["network"]
    return found.eval()
