"""The measurements of an evaluation, of pictures or of a film."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lit_invariance.results.outcomes import Outcomes
from lit_invariance.results.schema import CurveEntry, How, PictureEntry, ProtocolEntry


@dataclass(frozen=True)
class Measured:
    """The outcomes of an evaluation, with what they describe; means are not computed yet.

    Attributes:
        outcomes: The scores of every row, which is an image or a pair of frames.
        protocols: What was shown.
        data: Description of the data.
        executors: How each model was run, in their order.
        class_names: One name per output; empty if they have no names.
        pictures: The views that are kept to be looked at.
        files: Their files, path below the results folder to content.
        samples: What the rows are where they are not images, in the plural.
        block: Neighbouring rows that the bootstrap draws together; None where it draws single ones.
        curves: Of a film, what each model says of it.
        exact: Scores that are 0 or 1 for each row, whose intervals are Clopper-Pearson's.
    """

    outcomes: Outcomes
    protocols: Sequence[ProtocolEntry]
    data: Mapping[str, Any]
    executors: Sequence[How]
    class_names: Sequence[str] = ()
    pictures: Sequence[PictureEntry] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    samples: str | None = None
    block: int | None = None
    curves: Sequence[CurveEntry] = ()
    exact: Sequence[str] = ()
