"""Which version of the project this is."""

import re
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path

NAME = "lit-invariance"
PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
STATED = re.compile(rf'^name = "{NAME}"\nversion = "([^"]+)"$', re.MULTILINE)


def version() -> str:
    """Return the version: what `pyproject.toml` of a checkout says, or else that of the installed package."""
    stated = STATED.search(PROJECT.read_text(encoding="utf-8")) if PROJECT.is_file() else None
    if stated is not None:
        return stated[1]
    try:
        return installed(NAME)
    except PackageNotFoundError:  # a copy of the package alone
        return "unknown"
