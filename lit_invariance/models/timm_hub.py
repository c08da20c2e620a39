"""Networks that timm saved to Hugging Face's hub or to a folder: `timm/hf-hub:<id>`, `timm/local-dir:<folder>`."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import timm

from lit_invariance.errors import UserError, said_by, unknown
from lit_invariance.models.entry import Entry, State
from lit_invariance.models.hub import fetch
from lit_invariance.models.own_recipe import read_recipe
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.models.torch_file import read_torch_file

CONFIG, WEIGHTS = "config.json", "model.safetensors"
Find = Callable[[str], Path]


def timm_hub_network(scheme: str, place: str, weights: str | None) -> Entry:
    """Describe a network that `timm.models.push_to_hf_hub` or `save_for_hf` wrote.

    Args:
        scheme: A key of `SCHEMES`.
        place: The repository, or the folder.
        weights: As in `create_backbone`.

    Raises:
        UserError: If the scheme is unknown, or the configuration cannot be found or read.
    """
    if scheme not in SCHEMES:
        raise unknown("beginning of timm/", f"{scheme}:", [f"{known}:" for known in SCHEMES])
    name = f"timm/{scheme}:{place}"
    find = partial(SCHEMES[scheme], place, name)
    path = find(CONFIG)
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        architecture, classes = str(config["architecture"]), int(config.get("num_classes", 1000))
        expected = {"architecture": architecture, **config.get("pretrained_cfg", config)}
        options = dict(config.get("model_args") or {})
        recipe = read_recipe(expected)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{CONFIG} of {name} is not as timm writes it ({said_by(error)}); name another.") from error
    if not timm.is_model(architecture):
        raise unknown(f"network of timm, in {CONFIG} of {name},", architecture, timm.list_models())
    names = config.get("label_names") or expected.get("label_names")
    return Entry(
        make=lambda num_classes: timm.create_model(architecture, **{**options, "num_classes": num_classes}),
        published=partial(_published, find),
        preprocessing=replace(recipe or Preprocessing(), recipe=name.replace("/", " ", 1)),
        classes=classes if weights == "default" else None,
        class_names=[str(each) for each in names] if names and weights == "default" else None,
        files=(path,),
    )


def _published(find: Find) -> State:
    return read_torch_file(find(WEIGHTS))  # type: ignore[no-any-return]


def _of_hub(repository: str, name: str, file: str) -> Path:
    return fetch(repository, file, f"{file} of {name}")


def _of_folder(folder: str, name: str, file: str) -> Path:
    path = Path(folder, file)
    if not path.is_file():
        raise UserError(f"there is no {file} in {folder}; name a folder that timm.models.save_for_hf wrote.")
    return path


SCHEMES: dict[str, Callable[[str, str, str], Path]] = {"hf-hub": _of_hub, "local-dir": _of_folder}
"""timm's own words for where a network is, to what finds a file there."""
