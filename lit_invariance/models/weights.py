"""Weights from a local file: read safely, then loaded strictly or refused with a list of what differs."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lit_invariance.errors import UserError

SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")
SHOWN = 3


def is_file_name(weights: str) -> bool:
    """Tell a file from a published name such as `IMAGENET1K_V1`."""
    return weights.endswith(SUFFIXES) or Path(weights).is_file()


def read_torch_file(path: str | Path) -> Any:
    """Read a file of tensors and plain values; nothing in it is executed.

    Args:
        path: A file written by `torch.save`, or a `.safetensors` file.

    Raises:
        UserError: If it is a URL, is missing, cut off or not such a file.
    """
    if "://" in str(path):
        raise UserError(f"'{path}' is a URL; download the file yourself and name the local copy.")
    path = Path(path)
    if not path.is_file():
        raise UserError(f"there is no file '{path}'; check the path.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise UserError(
            f"'{path}' cannot be read as a PyTorch file of plain tensors: it is cut off, or something else; "
            "make or download it again."
        ) from error
    except Exception as error:  # safetensors raises a type of its own that derives from Exception alone
        raise UserError(f"'{path}' cannot be read: {error}; make or download it again.") from error


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Read a network's parameters from a file.

    Accepted are a plain state dict, one under the key `state_dict`, the prefix `module.` that data parallelism leaves,
    and the checkpoints of this project (prefix `backbone.`).

    Args:
        path: The file.

    Returns:
        Parameter and buffer names of the bare network, to tensors.

    Raises:
        UserError: If the file cannot be read or holds no state dict.
    """
    content = read_torch_file(path)
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise UserError(f"'{path}' holds no state dict; it should map parameter names to tensors.")
    for prefix in ("module.", "backbone."):
        if any(key.startswith(prefix) for key in content):
            content = {key.removeprefix(prefix): value for key, value in content.items() if key.startswith(prefix)}
    return dict(content)


def load_strictly(network: nn.Module, name: str, state: Mapping[str, Tensor], source: str, optional: str = "") -> bool:
    """Load a state dict into a network whose names and shapes it must match.

    Args:
        network: The network, changed in place.
        name: What the user calls it, for the error message.
        state: Names to tensors.
        source: Where the state comes from, for the error message.
        optional: Prefix of the parameters that keep their own values where the shapes differ: the head, whose number of
            classes may differ.

    Returns:
        Whether any did keep its own values.

    Raises:
        UserError: If anything else differs; the message counts and names it.
    """
    own = network.state_dict()
    reshaped = [key for key in own if key in state and state[key].shape != own[key].shape]
    kept = {key for key in reshaped if optional and key.startswith(optional)}
    differences = {
        "missing": [key for key in own if key not in state],
        "not in the network": [key for key in state if key not in own],
        "of another shape": [key for key in reshaped if key not in kept],
    }
    if any(differences.values()):
        raise UserError(
            f"the weights in {source} do not fit {name}: {_describe(differences)}; "
            "name the backbone they were made for, or other weights."
        )
    network.load_state_dict({key: value for key, value in state.items() if key not in kept}, strict=not kept)
    return bool(kept)


def _describe(differences: Mapping[str, list[str]]) -> str:
    parts = []
    for what, keys in differences.items():
        if keys:
            more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
            parts.append(f"{len(keys)} {what} ({', '.join(keys[:SHOWN])}{more})")
    return ", ".join(parts)
