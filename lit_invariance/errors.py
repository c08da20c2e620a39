"""What a user did wrong, said in one sentence, and the lookup that names the nearest right word."""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

Built = TypeVar("Built")
Spec = str | dict[str, Any]


class UserError(Exception):
    """A mistake the user can mend; the commands print its one sentence and exit with code 2.

    Args:
        message: What was wrong, where, and the mend.
    """

    def __init__(self, message: str) -> None:
        # A DataLoader worker hands its exception on as text, with a traceback in front of the sentence.
        super().__init__(message.rsplit("UserError: ", 1)[-1].strip())


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """Build the error for a name that is not in a registry.

    Args:
        kind: What the name should have been, such as `"protocol"`.
        name: The name as the user wrote it.
        known: The names that exist.

    Returns:
        An error that names the nearest known names, or all of them where none is near.
    """
    names = sorted(known)
    by_case = {known_name.lower(): known_name for known_name in names}
    near = [by_case[found] for found in difflib.get_close_matches(name.lower(), by_case, n=3, cutoff=0.5)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(names)}."
    return UserError(f"unknown {kind} '{name}'; {hint}")


def split_spec(kind: str, spec: Spec) -> tuple[str, dict[str, Any]]:
    """Split a config entry into its name and options.

    Args:
        kind: What the entry describes, for the error message.
        spec: `"name"` or `{"name": {option: value}}`.

    Returns:
        The name and a dict of options, empty for a bare name.

    Raises:
        UserError: If the entry has neither form.
    """
    if isinstance(spec, str):
        return spec, {}
    if isinstance(spec, dict) and len(spec) == 1:
        name, options = next(iter(spec.items()))
        if isinstance(name, str) and (options is None or isinstance(options, dict)):
            return name, dict(options or {})
    raise UserError(f"a {kind} is written as a name or as {{name: {{option: value}}}}, not as {spec!r}.")


def build(kind: str, registry: Mapping[str, Callable[..., Built]], spec: Spec, **given: Any) -> Built:
    """Make the object that a config entry names.

    Args:
        kind: What the registry holds, for error messages.
        registry: Name to factory.
        spec: `"name"` or `{"name": {option: value}}`.
        **given: Arguments the program supplies; an option of the same name wins.

    Returns:
        `registry[name](**given, **options)`.

    Raises:
        UserError: If the name or an option is unknown, or the factory refuses a value.
    """
    name, options = split_spec(kind, spec)
    if name not in registry:
        raise unknown(kind, name, registry)
    known = inspect.signature(registry[name]).parameters
    for option in options:
        if option not in known:
            raise unknown(f"option of {kind} {name}", option, [other for other in known if other not in given])
    try:
        return registry[name](**{**given, **options})
    except TypeError as error:
        raise UserError(f"{kind} {name}: an option has a value of another kind than it takes ({error}).") from error
    except ValueError as error:
        raise UserError(f"{kind} {name}: {error}") from error
