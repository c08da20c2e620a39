"""Scores of invariance, as functions and as torchmetrics classes; they know nothing of the rest of the project."""

from lit_invariance.metrics.functional import (
    SCORES,
    Score,
    accuracy,
    agreement,
    mean_absolute_change,
    top1_change,
)
from lit_invariance.metrics.image_mean import Accuracy, Agreement, ImageMean, MeanAbsoluteChange, Top1Change

__all__ = [
    "SCORES",
    "Accuracy",
    "Agreement",
    "ImageMean",
    "MeanAbsoluteChange",
    "Score",
    "Top1Change",
    "accuracy",
    "agreement",
    "mean_absolute_change",
    "top1_change",
]
