"""What the report says of the causes: a section each, with its figures and a sentence on how to read them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from lit_invariance.plotting import STYLE, save_figure
from lit_invariance.report.diagnostics_plots import (
    aliasing_figure,
    bias_figure,
    feature_map_figure,
    response_figure,
    shiftability_figure,
    size_figure,
    typicality_figure,
)


@dataclass(frozen=True)
class CauseFigure:
    """A figure of a section.

    Attributes:
        name: Stem of its files.
        figure: The figure.
        description: What a reader who does not see it is told.
    """

    name: str
    figure: Figure
    description: str


@dataclass(frozen=True)
class CauseSection:
    """A section.

    Attributes:
        title: Its heading.
        text: How to read it.
        figures: What it shows.
    """

    title: str
    text: str
    figures: list[CauseFigure]


def cause_sections(causes: Mapping[str, Any]) -> list[CauseSection]:
    """Draw what was measured of the causes, under the style that is in force.

    Args:
        causes: The field `causes` of a results file.
    """
    return [SECTIONS[name](measured) for name, measured in causes.items()]


def save_causes(causes: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw what was measured of the causes, and write each figure as PNG and SVG.

    Args:
        causes: The field `causes` of a results file.
        folder: An existing folder.

    Returns:
        The files.
    """
    with matplotlib.rc_context(STYLE):
        shown = [figure for section in cause_sections(causes) for figure in section.figures]
        return [file for one in shown for file in save_figure(one.figure, folder / one.name)]


def _shiftability(models: Mapping[str, Any]) -> CauseSection:
    figures = [
        CauseFigure(
            "cause_shiftability",
            shiftability_figure(models),
            "Non-shiftability of the last layer of each resolution against its cumulative subsampling.",
        )
    ]
    for name, measured in models.items():
        if measured["curves"]:
            what = f"Response sums of feature maps of {name} against the move of the picture."
            figures.append(CauseFigure(f"cause_response_{name}", response_figure(measured), what))
        if measured["feature_map"]:
            what = f"One feature map of {name} under three moves of a picture."
            figures.append(CauseFigure(f"cause_map_{name}", feature_map_figure(measured["feature_map"]), what))
    text = (
        "If a feature map holds no frequency above what its sampling can carry, the sum over its positions does not "
        "change when the picture moves. The figure counts the moves at which it changes by more than a fifth; it rises "
        "where a network subsamples without a filter. Azulay & Weiss measured 25 to 39 % at the last layers of three "
        "networks."
    )
    return CauseSection("Shiftability", text, figures)


def _aliasing(models: Mapping[str, Any]) -> CauseSection:
    worst = [_worst(name, measured) for name, measured in models.items() if measured["operations"]]
    text = "The share of a map's energy that each strided operation folds down from above the new limit. " + " ".join(
        worst
    )
    what = "Aliased share of energy at each strided operation, in the order of the forward pass."
    return CauseSection("Aliasing", text, [CauseFigure("cause_aliasing", aliasing_figure(models), what)])


def _worst(name: str, measured: Mapping[str, Any]) -> str:
    operation = max(measured["operations"], key=lambda entry: entry["aliased"])
    return f"{name} loses most at {operation['operation']}, {100 * operation['aliased']:.0f} %."


def _typicality(models: Mapping[str, Any]) -> CauseSection:
    told = "; ".join(f"{name}: {_correlation(measured)}" for name, measured in models.items())
    text = (
        "Change of the answer against the distance from the nearest training images. If networks are steady for "
        f"pictures like those of the training set only, change rises with distance. Rank correlation: {told}."
    )
    what = "Top-1 change against perceptual distance from the training images, in bins of equal size."
    return CauseSection("Typicality", text, [CauseFigure("cause_typicality", typicality_figure(models), what)])


def _correlation(measured: Mapping[str, Any]) -> str:
    if measured["correlation"] is None:
        return f"undefined ({measured['distance']})"
    ends = f"[{measured['low']:+.2f}, {measured['high']:+.2f}]"
    return f"{measured['correlation']:+.2f} {ends} ({measured['distance']})"


def _size(models: Mapping[str, Any]) -> CauseSection:
    text = "Accuracy when the picture is shown at growing sizes on one canvas; the cross is what people reach."
    what = "Top-5 accuracy against the size of the picture."
    return CauseSection("Accuracy against size", text, [CauseFigure("cause_size", size_figure(models), what)])


def _bias(measured: Mapping[str, Any]) -> CauseSection:
    position, height = (_share(measured[f"non_uniform_{what}"]) for what in ("position", "height"))
    text = (
        f"Of {measured['tested']} classes with enough boxes, {position} have positions that are not uniform over the "
        f"picture and {height} heights that are not ({measured['test']}, corrected for all classes). What was "
        "photographed in the middle is learnt in the middle."
    )
    what = "Histograms of the objects' positions and heights."
    return CauseSection("Photographer's bias", text, [CauseFigure("cause_bias", bias_figure(measured), what)])  # type: ignore[arg-type]


def _share(value: float | None) -> str:
    return "an unknown share" if value is None else f"{100 * value:.0f} %"


SECTIONS: dict[str, Callable[[Any], CauseSection]] = {
    "shiftability": _shiftability,
    "aliasing": _aliasing,
    "typicality": _typicality,
    "size": _size,
    "bias": _bias,
}
