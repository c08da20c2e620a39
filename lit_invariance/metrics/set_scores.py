"""Scores of a set of images that are no means of per-image values, such as ratios of means."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lit_invariance.metrics import error_consistency, relative_loss

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Array = NDArray[np.float64]
Features = tuple["csr_array", NDArray[np.bool_]]


@dataclass(frozen=True)
class SetScore:
    """A score of a set: a function of the means of F features over its images.

    So it can be resampled over images as exactly as a mean can, and its slope says how far each image moves it.

    Attributes:
        features: `(answers (N, T), labels (N,), reference)` to the features `(N, F)` and for each image whether it
            counts, `(N,)`. An answer is -1 at a view that an image does not have; `reference` is the place of the view
            that is not moved, None where there is none.
        value: From means `(B, F)` of B sets to their scores `(B,)`, nan where the score is undefined.
        slope: From means `(F,)` to the derivative of the score by each, `(F,)`; zeros where it is undefined.
        ends: From means `(F,)` to what the score would tend to, first downwards, then upwards, if images came in that
            are as unlike these as can be, by its slope.
        views: The least number of views it needs.
        unit: What the number is.
        higher_is_better: Its good direction.
        meaning: What it says, in a few words.
        labelled: Whether it needs the label.
        moved: Whether it needs a view that is not moved, see `Protocol.reference`.
    """

    features: Callable[[NDArray[np.int32], NDArray[np.int64], int | None], Features]
    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    ends: Callable[[Array], tuple[float, float]]
    views: int
    unit: str
    higher_is_better: bool
    meaning: str
    labelled: bool = True
    moved: bool = False

    def measurable(self, views: int, labelled: bool, reference: int | None) -> bool:
        """Tell whether a protocol and the pictures allow the score.

        Args:
            views: Number of the protocol's views.
            labelled: Whether the classes of the pictures are known.
            reference: Place of the view that is not moved, None where there is none.
        """
        return views >= self.views and (labelled or not self.labelled) and (reference is not None or not self.moved)


SET_SCORES: dict[str, SetScore] = {
    "error_consistency": SetScore(
        error_consistency.features,
        error_consistency.value,
        error_consistency.slope,
        error_consistency.ends,
        2,
        "kappa",
        True,
        "how far neighbouring views agree beyond chance: 1 always, 0 not at all; undefined for a constant answer",
        labelled=False,
    ),
    "relative_loss": SetScore(
        relative_loss.features,
        relative_loss.value,
        relative_loss.slope,
        relative_loss.ends,
        2,
        "%",
        False,
        "how much of the accuracy at the view that is not moved is lost at the others",
        moved=True,
    ),
}
