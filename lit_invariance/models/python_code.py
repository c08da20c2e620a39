"""Python code that the user names, `package.module:name{option: value}` or `path/file.py:name`: found and called."""

import importlib
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from lit_invariance.errors import UserError, said_by, unknown
from lit_invariance.user_code import run_file

FORM = re.compile(r"(?P<where>[^{}]+):(?P<name>[^:{}/]+)(?P<options>\{.*\})?", re.DOTALL)


@dataclass(frozen=True)
class PythonCode:
    """A function or class, and the arguments that the user gives it.

    Attributes:
        text: What the user wrote.
        function: The function or class.
        options: Its arguments.
        file: The file that holds it; None for what has none.
    """

    text: str
    function: Callable[..., Any]
    options: Mapping[str, Any]
    file: Path | None

    def takes(self, argument: str) -> bool:
        """Return whether the function has an argument that the user has not given."""
        return argument in self._parameters and argument not in self.options

    def needs(self, argument: str) -> bool:
        """Return whether it can not be called without an argument that the user has not given."""
        return self.takes(argument) and self._parameters[argument].default is inspect.Parameter.empty

    def call(self, **given: Any) -> Any:
        """Call it with the user's arguments.

        Args:
            **given: Arguments of the program.

        Raises:
            UserError: If an argument is unknown, or it raises anything; the message names the line.
        """
        for option in self.options if self._parameters and not self._open else ():
            if option not in self._parameters:
                raise unknown(f"argument of {self.text.partition('{')[0]}", option, self._parameters)
        try:
            return self.function(**{**self.options, **given})
        except UserError:
            raise
        except Exception as error:  # the user's code may raise anything
            raise UserError(
                f"'{self.text}' fails{_place(error)}: {said_by(error)}; correct it, or its arguments."
            ) from error

    @property
    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        try:
            return inspect.signature(self.function).parameters
        except (TypeError, ValueError):  # of code in C
            return {}

    @property
    def _open(self) -> bool:
        return any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in self._parameters.values())


def find_code(text: str) -> PythonCode:
    """Import the module or file that the user names, which runs it, and find the function in it.

    Args:
        text: `package.module:name` or `path/file.py:name`, with `{argument: value}` for its arguments. The folder of a
            file is added to the end of Python's search path, so that it can import its neighbours.

    Raises:
        UserError: If the text has another form, or the module, the file or the name in it does not exist.
    """
    form = FORM.fullmatch(text)
    if form is None:
        raise UserError(f"'{text}' does not name code; write package.module:function or path/file.py:function.")
    where, name = form["where"], form["name"]
    module = _file(where) if where.endswith(".py") else _module(where)
    if not hasattr(module, name):
        public = [other for other, value in vars(module).items() if callable(value) and not other.startswith("_")]
        raise unknown(f"name in {where}", name, public)
    function = getattr(module, name)
    if not callable(function):
        raise UserError(f"'{text}' is a {type(function).__name__}; name a function or a class that can be called.")
    path = getattr(module, "__file__", None)
    return PythonCode(text, function, _options(text, form["options"]), None if path is None else Path(path))


def _options(text: str, options: str | None) -> dict[str, Any]:
    try:
        read = yaml.safe_load(options or "{}")
    except yaml.YAMLError as error:
        raise UserError(f"the arguments in '{text}' cannot be read; write {{argument: value}}.") from error
    if not isinstance(read, dict) or not all(isinstance(key, str) for key in read):
        raise UserError(f"the arguments in '{text}' have no names; write {{argument: value}}.")
    return read


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise UserError(
                f"there is no Python module '{name}'; install it, add its folder to PYTHONPATH, or name the file as "
                "python:path/file.py:function."
            ) from error
        raise _failed(name, error) from error
    except Exception as error:  # a module may raise anything while it is imported
        raise _failed(name, error) from error


def _file(path: str) -> ModuleType:
    """Import a file once; it is imported again after it has been changed."""
    file = Path(path).absolute()
    if not file.is_file():
        raise UserError(f"there is no Python file '{path}'; check the path.")
    name = f"_named_by_the_user_{file.stat().st_mtime_ns}_{re.sub(r'[^0-9A-Za-z]', '_', str(file))}"
    if name in sys.modules:
        return sys.modules[name]
    try:
        return run_file(file, name)
    except Exception as error:  # a file may raise anything while it is imported
        raise _failed(path, error) from error


def _failed(where: str, error: Exception) -> UserError:
    return UserError(f"'{where}' cannot be imported{_place(error)}: {said_by(error)}; correct it.")


def _place(error: Exception) -> str:
    """The innermost line of Python that was running."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" in {frames[-1].filename}, line {frames[-1].lineno}, with {type(error).__name__}" if frames else ""
