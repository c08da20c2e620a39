"""What a user did wrong, said in one sentence, and the lookup that names the nearest right word."""

import difflib
from collections.abc import Iterable


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
