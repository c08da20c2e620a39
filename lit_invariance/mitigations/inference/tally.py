"""How many pictures a gate was asked about, and how many it let pass to the wrapper."""

import threading
from typing import Any


class Tally:
    """Counts for a wrapper and for all copies of it, since what answers an evaluation is a copy, or several at a time.

    Attributes:
        answered: Pictures answered so far.
        unsure: Those of them that the wrapper was at work for.
    """

    def __init__(self) -> None:
        self.answered = self.unsure = 0
        self._counting = threading.Lock()

    def add(self, answered: int, unsure: int) -> None:
        """Count some pictures.

        Args:
            answered: How many.
            unsure: For how many of them the wrapper was at work.
        """
        with self._counting:
            self.answered += answered
            self.unsure += unsure

    def __deepcopy__(self, memo: dict[int, Any]) -> "Tally":
        """Return itself."""
        return self

    def __reduce__(self) -> tuple[type["Tally"], tuple[()]]:
        """Begin anew in a file or in another process."""
        return Tally, ()
