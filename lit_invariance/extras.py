"""Libraries that only some users need: imported where they are used; a missing one is one sentence."""

from importlib import import_module
from typing import Any

from lit_invariance.errors import UserError


def optional(module: str, extra: str, purpose: str) -> Any:
    """Import a library of an extra.

    Args:
        module: Name of the module.
        extra: The extra of `pyproject.toml` that brings it.
        purpose: What needs it, as the beginning of a sentence: `"an .onnx file"`.

    Returns:
        The module.

    Raises:
        UserError: If it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        library = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != library:
            raise  # it is there, and lacks something of its own
        raise UserError(
            f"{purpose} needs {library}, which is not installed; pip install 'lit-invariance[{extra}]' brings it."
        ) from error
