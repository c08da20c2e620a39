"""Errors that the user can fix, in one sentence, and the lookup that suggests the nearest known name."""

import difflib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

MOST_LETTERS = 160


class UserError(ValueError):
    """A mistake the user can fix: one sentence with what was wrong, where, and the fix.

    It is a `ValueError`, so that code which calls this library need not know of it. The commands print the sentence and
    exit with code 2.
    """


def sentence(error: UserError) -> str:
    """Return what an error says in one line, without the traceback that a DataLoader's worker puts in front of it."""
    return " ".join(str(error).rsplit(f"{UserError.__name__}: ", 1)[-1].split())


@contextmanager
def one_sentence_errors() -> Iterator[None]:
    """Reduce an error from a DataLoader's worker to its one sentence."""
    try:
        yield
    except UserError as error:
        if sentence(error) == str(error):
            raise
        raise UserError(sentence(error)) from error


def said_by(error: BaseException) -> str:
    """Return the first line of what a library said, without its full stop and of at most `MOST_LETTERS`.

    Args:
        error: The library's error.

    Returns:
        The name of its type where it said nothing.
    """
    line = next(iter(str(error).strip().splitlines()), "").rstrip(". ") or type(error).__name__
    return line if len(line) <= MOST_LETTERS else f"{line[:MOST_LETTERS]}..."


def unknown(kind: str, name: str | None, known: Iterable[str]) -> UserError:
    """Build the error for a name that is not in a registry.

    Args:
        kind: What the name should have been, such as `"protocol"`.
        name: The name as the user wrote it; a config may say null.
        known: The names that exist.

    Returns:
        An error that names the nearest known names, or all of them where none is near.
    """
    names = sorted(known)
    by_case = {known_name.lower(): known_name for known_name in names}
    near = [by_case[found] for found in difflib.get_close_matches(str(name).lower(), by_case, n=3, cutoff=0.5)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(names)}."
    return UserError(f"unknown {kind} '{name}'; {hint}")


def see_known(kind: str, names: Iterable[str], known: Collection[str]) -> None:
    """See that all names are in a registry.

    Args:
        kind: As in `unknown`.
        names: The names as the user wrote them.
        known: The names that exist.

    Raises:
        UserError: If one is not.
    """
    for name in names:
        if name not in known:
            raise unknown(kind, name, known)
