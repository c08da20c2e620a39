"""What a question of the benchmark is, and what answers it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes:
        small: Whether to go through everything in seconds, with networks too small for the figures to mean anything.
        data: Folder of real pictures and weights, as `LIT_INVARIANCE_DATA` names it; None makes do with drawn pictures
            and random weights.
        rounds: How often each of the compared steps takes its turn.
    """

    small: bool
    data: Path | None
    rounds: int


@dataclass(frozen=True)
class Target:
    """A ratio that is to be reached.

    Attributes:
        what: What is compared with what.
        wanted: The least ratio, or the greatest one if `at_most`.
        measured: The ratio.
        at_most: Whether smaller is better.
    """

    what: str
    wanted: float
    measured: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Whether the target is reached."""
        return self.measured <= self.wanted if self.at_most else self.measured >= self.wanted


@dataclass(frozen=True)
class Answer:
    """The answer to one question.

    Attributes:
        columns: Heads of the table's columns.
        rows: Its rows, as text.
        targets: Ratios that are to be reached.
        remarks: Sentences below the table.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    targets: Sequence[Target] = ()
    remarks: Sequence[str] = ()


@dataclass(frozen=True)
class Question:
    """A question of the benchmark.

    Attributes:
        title: What the page calls it.
        ask: Measures it.
    """

    title: str
    ask: Callable[[Scale], Answer]
