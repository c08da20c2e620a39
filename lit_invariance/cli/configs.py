"""Config files by name: `--config aa_resnet50.yaml` finds the project's own file from any directory."""

from pathlib import Path
from typing import Any

from jsonargparse import ActionConfigFile  # type: ignore[attr-defined]  # documented, but not in its __all__

from lit_invariance.errors import unknown

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
    if ":" in value or Path(value).is_file():
        return value
    known = {path.name: path for path in sorted(config_folder().glob("*.yaml"))}
    name = value if value.endswith((".yaml", ".yml")) else f"{value}.yaml"
    if name not in known:
        raise unknown("config", value, known)
    return str(known[name])


class ConfigFile(ActionConfigFile):
    """The `--config` option, which looks names up in `configs/`."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        """Read one config file into the arguments parsed so far."""
        super().__call__(parser, cfg, find_config(values), option_string)  # type: ignore[no-untyped-call]
