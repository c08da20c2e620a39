"""Objects of a user's own code, named as `python:package.module:name` or `python:path/file.py:name`."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from lit_invariance.errors import UserError, said_by
from lit_invariance.names import printable

PREFIX = "python:"
MOST_NAMES = 10


def load_object(text: str) -> Any:
    """Import the code that a text names, which executes it, and return the object.

    Modules are also looked for in the working directory, and what a file imports also beside that file.

    Args:
        text: `python:package.module:name` or `python:path/file.py:name`; the name may be an attribute of another one,
            as in `python:module:Class.make`.

    Returns:
        The object, such as a function or a class.

    Raises:
        UserError: If the text has another form, there is no such module, file or name, or the code fails.
    """
    place, colon, name = text.removeprefix(PREFIX).rpartition(":")
    if not text.startswith(PREFIX) or not colon or not place or not name:
        raise UserError(
            f"'{printable(text)}' does not name an object; write {PREFIX}package.module:name or "
            f"{PREFIX}path/file.py:name."
        )
    module = _of_file(Path(place)) if place.endswith(".py") else _of_name(place)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = ", ".join(sorted(other for other in vars(module) if not other.startswith("_"))[:MOST_NAMES])
            raise UserError(f"{printable(place)} has no '{printable(name)}'; it has {known or 'nothing public'}.")
        found = getattr(found, part)
    return found


def _of_name(module: str) -> ModuleType:
    _look_in(Path.cwd())
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise _failed(module, error) from error
        raise UserError(
            f"there is no module {printable(module)}; start in the folder that holds it, install it, or name its file "
            f"as {PREFIX}path/file.py:name."
        ) from error
    except Exception as error:  # what a user's code raises is open-ended
        raise _failed(module, error) from error


def _of_file(path: Path) -> ModuleType:
    path = path.absolute()
    if not path.is_file():
        raise UserError(f"there is no file {printable(path)}; check the path after {PREFIX}.")
    # Under the name by which a process that is started anew, as workers on some systems are, finds it again.
    names = (path.stem, f"user_code_{path.stem}")
    for name in names:
        known = sys.modules.get(name)
        if known is not None and getattr(known, "__file__", None) == str(path):
            return known
    try:
        return run_file(path, names[path.stem in sys.modules])
    except Exception as error:
        raise _failed(path, error) from error


def run_file(path: Path, name: str) -> ModuleType:
    """Run a file of Python as a module, which can import what lies beside it.

    Args:
        path: The file, absolute.
        name: Name of the module, under which dataclasses and pickle find it.

    Raises:
        Exception: What the file raises; the module is then forgotten.
    """
    _look_in(path.parent)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, path
    assert spec.loader is not None, path
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception:
        del sys.modules[name]
        raise
    return module


def _look_in(folder: Path) -> None:
    """Search a folder after all others, so that nothing in it hides an installed module."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _failed(what: object, error: Exception) -> UserError:
    return UserError(f"{printable(str(what))} cannot be imported ({type(error).__name__}: {said_by(error)}); fix it.")
