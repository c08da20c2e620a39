"""All scores by name, with the information that tables and plots need."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from lit_invariance.metrics.anchored import gap, pm0, pm_k
from lit_invariance.metrics.embedding import embedding_cosine, embedding_worst
from lit_invariance.metrics.functional import agreement, all_agree, mean_absolute_change, top1_change
from lit_invariance.metrics.labelled import (
    TOP,
    accuracy,
    both_correct,
    jaggedness,
    jaggedness_share,
    top1_change_given_correct,
    top5_accuracy,
    total_variation,
    worst_case_accuracy,
)


@dataclass(frozen=True)
class Score:
    """A score with the information that tables and plots need.

    Attributes:
        function: `(logits, labels) -> (N,)`; scores that need no label ignore it. nan where it is undefined.
        views: The least number of views it needs.
        unit: What the number is.
        higher_is_better: Its good direction.
        meaning: What it says, in a few words.
        labelled: Whether it needs the label.
        classes: The least number of classes with which it says anything: of five, all are among the first five.
    """

    function: Callable[[Tensor, Tensor], Tensor]
    views: int
    unit: str
    higher_is_better: bool
    meaning: str
    labelled: bool = True
    classes: int = 1


SCORES: dict[str, Score] = {
    "accuracy": Score(accuracy, 1, "share", True, "views answered correctly"),
    "top5_accuracy": Score(
        top5_accuracy, 1, "share", True, "views with the label among the first five classes", classes=TOP + 1
    ),
    "worst_case_accuracy": Score(worst_case_accuracy, 1, "share", True, "images answered correctly at every view"),
    "top1_change": Score(
        lambda logits, _: top1_change(logits), 2, "share", False, "neighbouring views with another answer", False
    ),
    "mean_absolute_change": Score(
        lambda logits, _: mean_absolute_change(logits),
        2,
        "probability",
        False,
        "how far the first view's answer changes its probability",
        labelled=False,
    ),
    "top1_change_given_correct": Score(
        top1_change_given_correct,
        2,
        "share",
        False,
        "top1_change where the first view is right: of each model's own images",
    ),
    "agreement": Score(
        lambda logits, _: agreement(logits), 2, "share", True, "later views that answer as the first", False
    ),
    "all_agree": Score(
        lambda logits, _: all_agree(logits), 2, "share", True, "images with one answer at all views", False
    ),
    "both_correct": Score(both_correct, 2, "share", True, "neighbouring views that are both right"),
    "total_variation": Score(
        total_variation, 2, "probability", False, "length of the way the true class's probability goes up and down"
    ),
    "jaggedness": Score(
        jaggedness, 2, "count", False, "times the label enters or leaves the top five, per image", classes=TOP + 1
    ),
    "jaggedness_share": Score(jaggedness_share, 2, "share", False, "steps at which it does", classes=TOP + 1),
}
"""Of the views of one image."""

FEATURE_SCORES: dict[str, Score] = {
    "embedding_cosine": Score(
        lambda features, _: embedding_cosine(features),
        2,
        "cosine",
        True,
        "cosine between the penultimate features of neighbouring views",
        labelled=False,
    ),
    "embedding_worst": Score(
        lambda features, _: embedding_worst(features), 3, "cosine", True, "the least of these cosines, per image", False
    ),
}
"""Of the features of one image's views, which their functions take in place of logits."""

ANCHOR_SCORES: dict[str, Score] = {
    "pm0": Score(pm0, 1, "share", True, "anchor frames answered correctly"),
    "pm_k": Score(pm_k, 1, "share", True, "anchors answered correctly at the anchor and at every frame within k of it"),
    "gap": Score(gap, 1, "share", False, "pm0 less pm_k: right at the anchor, and wrong at a frame near it"),
}
"""Of the frames around an anchor; their functions take which are right and which count, see `anchored`."""

OF_NEIGHBOURS = frozenset(
    {
        "top1_change",
        "mean_absolute_change",
        "top1_change_given_correct",
        "both_correct",
        "total_variation",
        "jaggedness",
        "jaggedness_share",
        "error_consistency",
        *FEATURE_SCORES,
    }
)
"""Scores of neighbouring views: not measured under a protocol that compares every view with the first one."""

ROW_SCORES = {**SCORES, **FEATURE_SCORES, **ANCHOR_SCORES}
"""All that are a number for each row of the outcomes."""
