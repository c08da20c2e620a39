"""Import the code that a user names, as `package.module:name` or `path/file.py:name`, which executes it."""

import importlib
import importlib.util
import os
import sys
import traceback
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from lit_invariance.errors import UserError, said_by, unknown
from lit_invariance.names import printable

PYTHON = "python:"


def load_object(text: str) -> tuple[Any, Path | None]:
    """Import a module or file, and return an object in it.

    Modules are also looked for in the working directory, and what a file imports also beside that file. A file is
    executed once, and again after it has been changed.

    Args:
        text: `package.module:name` or `path/file.py:name`; the name may be an attribute of another one, as in
            `module:Class.make`.

    Returns:
        The object, such as a function or a class, and the file of the module; None if it has none.

    Raises:
        UserError: If the text has another form, there is no such module, file or name, or the code fails.
    """
    place, _, name = text.rpartition(":")
    if not place or not name:
        raise UserError(
            f"'{printable(text)}' does not name code; write {PYTHON}package.module:name or {PYTHON}path/file.py:name."
        )
    module = _of_file(place) if place.endswith(".py") else _of_name(place)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            own = (other for other in vars(module) if not other.startswith("_"))
            raise unknown(f"name in {printable(place)}", printable(name), own)
        found = getattr(found, part)
    file = getattr(module, "__file__", None)
    return found, None if file is None else Path(file)


def place_of(error: Exception) -> str:
    """Say where an error was raised.

    Args:
        error: An error that was caught.

    Returns:
        Its type, and the innermost line of Python that was running, to stand behind "fails" in a sentence.
    """
    if isinstance(error, SyntaxError) and error.filename:
        file, line = error.filename, error.lineno
    else:
        innermost = traceback.extract_tb(error.__traceback__)[-1]
        file, line = innermost.filename, innermost.lineno
    return f"in {printable(file)}, line {line}, with {type(error).__name__}"


def _of_name(module: str) -> ModuleType:
    _look_in(Path.cwd())
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise _failed(module, error) from error
        raise UserError(
            f"there is no Python module '{printable(module)}'; start in the folder that holds it, install it, or name "
            f"its file as {PYTHON}path/file.py:name."
        ) from error
    except Exception as error:  # what a user's code raises is open-ended
        raise _failed(module, error) from error


def _of_file(place: str) -> ModuleType:
    path = Path(place).absolute()
    if not os.path.isfile(path):  # a name that is too long is none
        raise UserError(f"there is no Python file '{printable(place)}'; check the path after {PYTHON}.")
    changed = path.stat().st_mtime_ns
    # Under the name by which a process that is started anew, as workers on some systems are, finds it again.
    name, other = path.stem, f"user_code_{path.stem}"
    for known in (sys.modules.get(name), sys.modules.get(other)):
        if known is not None and getattr(known, "__file__", None) == str(path):
            if getattr(known, "_executed_as_of", changed) == changed:
                return known
            del sys.modules[known.__name__]
    try:
        module = _executed(path, other if name in sys.modules else name)
    except Exception as error:  # as above
        raise _failed(place, error) from error
    vars(module)["_executed_as_of"] = changed
    return module


def _executed(path: Path, name: str) -> ModuleType:
    _look_in(path.parent)
    spec = importlib.util.spec_from_file_location(name, path, loader=_Source(name, str(path)))
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


class _Source(SourceFileLoader):
    """Compiles a file each time: Python takes what it keeps for current if the file changed within the same second."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def _look_in(folder: Path) -> None:
    """Search a folder after all others, so that nothing in it hides an installed module."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _failed(where: str, error: Exception) -> UserError:
    return UserError(f"'{printable(where)}' cannot be imported {place_of(error)}: {said_by(error)}; correct it.")
