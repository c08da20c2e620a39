"""Config files by name: `--config aa_resnet50.yaml` finds the project's own file from any directory."""

import os
from pathlib import Path
from typing import Any

from jsonargparse import ActionConfigFile  # type: ignore[attr-defined]  # documented, but not in its __all__

from lit_invariance.errors import UserError, unknown
from lit_invariance.plain_yaml import check_plain, read_small

GROUPS = ("model", "data", "trainer")
PACKAGE = Path(__file__).resolve().parents[1]


def config_folder() -> Path:
    """Return the folder of the project's configs: in the package when installed, beside `train.py` in a checkout."""
    installed = PACKAGE / "configs"
    return installed if installed.is_dir() else PACKAGE.parent / "configs"


def find_config(value: str) -> str:
    """Turn the value of `--config` into something that can be read.

    Args:
        value: A path; the name of a file in `configs/`, with or without `.yaml`; or YAML itself.

    Returns:
        A path, or the YAML unchanged.

    Raises:
        UserError: If there is no such file; the message names the configs that exist.
    """
    if ":" in value or os.path.isfile(value):
        return value
    known = {path.name: path for path in sorted(config_folder().glob("*.yaml"))}
    name = value if value.endswith((".yaml", ".yml")) else f"{value}.yaml"
    if name not in known:
        raise unknown("config", value, known)
    return str(known[name])


def check_config(value: str) -> None:
    """Refuse a config that cannot be read, or that no reader should be given; see `check_plain`.

    Args:
        value: A path, or YAML itself.

    Raises:
        UserError: If it is refused.
    """
    is_file = ":" not in value or os.path.isfile(value)  # False of what is too long to be a path, where Path raises
    what = f"config {value}" if is_file else "the config given as text"
    try:
        config = check_plain(read_small(Path(value)) if is_file else value, what)
    except OSError as error:
        raise UserError(f"{what} cannot be read: {error.strerror or error}; name another file.") from error
    for group in GROUPS:
        if not isinstance(config.get(group, {}), dict):
            raise UserError(f"{what} has no options under '{group}'; add some, or leave it out.")


class ConfigFile(ActionConfigFile):
    """The `--config` option, which also finds names in `configs/`."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        """Read one config file into the arguments parsed so far."""
        value = find_config(values)
        check_config(value)
        super().__call__(parser, cfg, value, option_string)  # type: ignore[no-untyped-call]
