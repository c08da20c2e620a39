"""Which files are networks that another program exported, and what opens them."""

import os
from collections.abc import Callable
from pathlib import Path

from lit_invariance.errors import UserError
from lit_invariance.models.exported.file import ExportedFile
from lit_invariance.models.exported.onnx_files import read_onnx
from lit_invariance.models.exported.openvino_files import read_openvino
from lit_invariance.models.exported.programs import read_program

READERS: dict[str, Callable[[Path], ExportedFile]] = {
    ".onnx": read_onnx,
    ".pt2": read_program,
    ".xml": read_openvino,
}
"""Suffix to what opens files of it; a folder stands for the `.xml` in it."""


def is_exported(name: str) -> bool:
    """Tell whether a name is that of an exported file, or of a folder with one of OpenVINO; options may follow."""
    name = name.partition("{")[0]
    return name.endswith(tuple(READERS)) or bool(_in_folder(name))


def file_of(name: str) -> Path:
    """Return the file that a name means.

    Args:
        name: Its path, or that of the folder of an OpenVINO model.

    Raises:
        UserError: If there is no such file, or a folder holds several.
    """
    inside = _in_folder(name)
    if len(inside) > 1:
        raise UserError(f"'{name}' holds {len(inside)} .xml files; name one of them.")
    path = inside[0] if inside else Path(name)
    if not os.path.isfile(path):  # a name that is too long is none
        raise UserError(f"there is no file '{name}'; check the path.")
    return path


def read_exported(name: str) -> ExportedFile:
    """Open an exported file.

    Args:
        name: As for `file_of`.

    Raises:
        UserError: If there is no such file, or the library that runs it is missing or refuses it.
    """
    path = file_of(name)
    return READERS[path.suffix](path)


def _in_folder(name: str) -> list[Path]:
    folder = Path(name)
    if not os.path.isdir(folder):
        return []
    return sorted(path for path in folder.glob("*.xml") if path.with_suffix(".bin").is_file())
