"""A finished network as one safetensors file: its parameters, and the settings of its training in the file's header."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.errors import UserError
from lit_invariance.files import replacing
from lit_invariance.models.torch_file import SAFETENSORS, read_torch_file

KEY = "lit_invariance"
MODEL, DATA = "hyper_parameters", "datamodule_hyper_parameters"


def is_packed(path: str | Path) -> bool:
    """Say whether a file is one that `pack` wrote; False of any other and of none."""
    return Path(path).suffix == SAFETENSORS and KEY in _header(path)


def read_packed(path: str | Path) -> dict[str, Any]:
    """Read what `pack` wrote, in the form of a training's checkpoint; nothing in it is executed.

    Args:
        path: The file.

    Raises:
        UserError: If it is missing, damaged, or not such a file.
    """
    state = read_torch_file(path)
    try:
        settings = json.loads(_header(path)[KEY])
        chosen = {name: settings[name] for name in (MODEL, DATA, InvarianceData.__name__)}
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise UserError(
            f"'{path}' is not a checkpoint of this project; name a bare state dict as <backbone>@{path}."
        ) from error
    return {"state_dict": dict(state), **chosen}


def pack(content: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint's parameters and settings, and leave out what only a resumed training needs.

    Args:
        content: What `read_checkpoint` returned.
        path: The `.safetensors` file to write, whole or not at all.
    """
    from safetensors.torch import save

    settings = {name: content.get(name, {}) for name in (MODEL, DATA)}
    settings[InvarianceData.__name__] = {"class_names": content.get(InvarianceData.__name__, {}).get("class_names")}
    state = {name: value.contiguous() for name, value in content["state_dict"].items()}
    with replacing(path) as temporary:
        temporary.write_bytes(save(state, {KEY: json.dumps(settings)}))


def _header(path: str | Path) -> dict[str, str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError):
        return {}
