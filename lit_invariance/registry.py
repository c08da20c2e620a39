"""Config entries, `name` or `{name: {option: value}}`, and the objects that they name."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from lit_invariance.errors import UserError, unknown

Built = TypeVar("Built")
Spec = str | dict[str, Any]


def parse_spec(kind: str, spec: Spec) -> tuple[str, dict[str, Any]]:
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


def check(kind: str, registry: Mapping[str, Callable[..., object]], spec: Spec, given: Iterable[str]) -> None:
    """Check that a config entry names something that exists, without making it.

    Args:
        kind: What the registry holds, for error messages.
        registry: Name to factory.
        spec: `"name"` or `{"name": {option: value}}`.
        given: Names of the arguments that the program supplies.

    Raises:
        UserError: If the name or an option is unknown.
    """
    name, options = parse_spec(kind, spec)
    if name not in registry:
        raise unknown(kind, name, registry)
    known = inspect.signature(registry[name]).parameters
    for option in options:
        if option not in known:
            raise unknown(f"option of {kind} {name}", option, [other for other in known if other not in given])


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
    check(kind, registry, spec, given)
    name, options = parse_spec(kind, spec)
    try:
        return registry[name](**{**given, **options})
    except UserError:
        raise
    except TypeError as error:
        raise UserError(f"{kind} {name}: an option has a value of the wrong type ({error}).") from error
    except ValueError as error:
        raise UserError(f"{kind} {name}: {error}") from error
