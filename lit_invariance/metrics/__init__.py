"""Scores of invariance, as functions and as torchmetrics classes, independent of the rest of the project."""

from lit_invariance.metrics.error_consistency import ErrorConsistency
from lit_invariance.metrics.functional import agreement, all_agree, mean_absolute_change, top1_change
from lit_invariance.metrics.image_mean import Accuracy, Agreement, ImageMean, MeanAbsoluteChange, Top1Change
from lit_invariance.metrics.labelled import (
    accuracy,
    both_correct,
    jaggedness,
    jaggedness_share,
    top1_change_given_correct,
    top5_accuracy,
    total_variation,
    worst_case_accuracy,
)
from lit_invariance.metrics.scores import FEATURE_SCORES, OF_NEIGHBOURS, ROW_SCORES, SCORES, Score
from lit_invariance.metrics.set_scores import SET_SCORES, SetScore

__all__ = [
    "FEATURE_SCORES",
    "OF_NEIGHBOURS",
    "ROW_SCORES",
    "SCORES",
    "SET_SCORES",
    "Accuracy",
    "Agreement",
    "ErrorConsistency",
    "ImageMean",
    "MeanAbsoluteChange",
    "Score",
    "SetScore",
    "Top1Change",
    "accuracy",
    "agreement",
    "all_agree",
    "both_correct",
    "jaggedness",
    "jaggedness_share",
    "mean_absolute_change",
    "top1_change",
    "top1_change_given_correct",
    "top5_accuracy",
    "total_variation",
    "worst_case_accuracy",
]
