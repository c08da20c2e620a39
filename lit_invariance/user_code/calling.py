"""Call a user's code, `package.module:name{argument: value}`, with the user's arguments and the program's."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lit_invariance.errors import UserError, said_by, unknown
from lit_invariance.names import printable
from lit_invariance.user_code.importing import load_object, place_of

FORM = re.compile(r"(?P<name>[^{}]+)(?P<options>\{.*\})?", re.DOTALL)


@dataclass(frozen=True)
class UserCode:
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
                raise unknown(f"argument of {printable(self.text.partition('{')[0])}", option, self._parameters)
        try:
            return self.function(**{**self.options, **given})
        except UserError:
            raise
        except Exception as error:  # the user's code may raise anything
            raise UserError(
                f"'{printable(self.text)}' fails {place_of(error)}: {said_by(error)}; correct it, or its arguments."
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


def find_code(text: str) -> UserCode:
    """Import the module or file that the user names, which runs it, and find the function in it.

    Args:
        text: `package.module:name` or `path/file.py:name`, with `{argument: value}` for its arguments.

    Raises:
        UserError: If the text has another form, or the module, the file or the name in it does not exist or cannot be
            called.
    """
    form = FORM.fullmatch(text)
    found, file = load_object(text if form is None else form["name"])
    if not callable(found):
        raise UserError(f"'{printable(text)}' is a {type(found).__name__}; name a function or a class.")
    return UserCode(text, found, _options(text, form and form["options"]), file)


def _options(text: str, options: str | None) -> dict[str, Any]:
    try:
        read = yaml.safe_load(options or "{}")
    except yaml.YAMLError as error:
        raise UserError(f"the arguments in '{printable(text)}' cannot be read; write {{argument: value}}.") from error
    if not isinstance(read, dict) or not all(isinstance(key, str) for key in read):
        raise UserError(f"the arguments in '{printable(text)}' have no names; write {{argument: value}}.")
    return read
