"""What the report says of the measured: a section each, with its figures and a sentence on how to read them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from lit_invariance.names import file_stems
from lit_invariance.plotting import save_figure
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
class DiagnosticsFigure:
    """A figure of a section.

    Attributes:
        name: Stem of its files.
        draw: What draws it.
        description: What a reader who does not see it is told.
    """

    name: str
    draw: Callable[[], Figure]
    description: str


@dataclass(frozen=True)
class DiagnosticsSection:
    """A section.

    Attributes:
        title: Its heading.
        text: How to read it.
        figures: What it shows.
    """

    title: str
    text: str
    figures: list[DiagnosticsFigure]


def diagnostics_sections(diagnostics: Mapping[str, Any]) -> list[DiagnosticsSection]:
    """Say what the diagnostics measured, and how it is drawn.

    Args:
        diagnostics: The field `diagnostics` of a results file.
    """
    return [SECTIONS[name](measured) for name, measured in diagnostics.items()]


def save_diagnostics(diagnostics: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw what the diagnostics measured, and write each figure as PNG and SVG.

    Args:
        diagnostics: The field `diagnostics` of a results file.
        folder: An existing folder.

    Returns:
        The files.
    """
    shown = [figure for section in diagnostics_sections(diagnostics) for figure in section.figures]
    return [file for one in shown for file in save_figure(one.draw, folder / one.name)]


def _shiftability(models: Mapping[str, Any]) -> DiagnosticsSection:
    figures = [
        DiagnosticsFigure(
            "diagnostics_shiftability",
            partial(shiftability_figure, models),
            "Non-shiftability of the last layer of each resolution against its cumulative subsampling.",
        )
    ]
    for name, stem in file_stems(models).items():
        measured = models[name]
        if measured["curves"]:
            what = f"Response sums of feature maps of {name} against the move of the picture."
            figures.append(DiagnosticsFigure(f"diagnostics_response_{stem}", partial(response_figure, measured), what))
        if measured["feature_map"]:
            what = f"One feature map of {name} under three moves of a picture."
            figures.append(
                DiagnosticsFigure(f"diagnostics_map_{stem}", partial(feature_map_figure, measured["feature_map"]), what)
            )
    text = (
        "If a feature map holds no frequency above what its sampling can carry, the sum over its positions does not "
        "change when the picture moves. The figure counts the moves at which it changes by more than a fifth; it rises "
        "where a network subsamples without a filter. Azulay & Weiss measured 25 to 39 % at the last layers of three "
        "networks."
    )
    return DiagnosticsSection("Shiftability", text, figures)


def _aliasing(models: Mapping[str, Any]) -> DiagnosticsSection:
    worst = [_worst(name, measured) for name, measured in models.items() if measured["operations"]]
    text = "The share of a map's energy that each strided operation folds down from above the new limit. " + " ".join(
        worst
    )
    what = "Aliased share of energy at each strided operation, in the order of the forward pass."
    return DiagnosticsSection(
        "Aliasing", text, [DiagnosticsFigure("diagnostics_aliasing", partial(aliasing_figure, models), what)]
    )


def _worst(name: str, measured: Mapping[str, Any]) -> str:
    operation = max(measured["operations"], key=lambda entry: entry["aliased"])
    return f"{name} loses most at {operation['operation']}, {100 * operation['aliased']:.0f} %."


def _typicality(models: Mapping[str, Any]) -> DiagnosticsSection:
    told = "; ".join(f"{name}: {_correlation(measured)}" for name, measured in models.items())
    text = (
        "Change of the answer against the distance from the nearest training images. If networks are steady for "
        f"pictures like those of the training set only, change rises with distance. Rank correlation: {told}."
    )
    what = "Top-1 change against perceptual distance from the training images, in bins of equal size."
    return DiagnosticsSection(
        "Typicality", text, [DiagnosticsFigure("diagnostics_typicality", partial(typicality_figure, models), what)]
    )


def _correlation(measured: Mapping[str, Any]) -> str:
    if measured["correlation"] is None:
        return f"undefined ({measured['distance']})"
    ends = f"[{measured['low']:+.2f}, {measured['high']:+.2f}]"
    return f"{measured['correlation']:+.2f} {ends} ({measured['distance']})"


def _size(models: Mapping[str, Any]) -> DiagnosticsSection:
    text = "Accuracy when the picture is shown at growing sizes on one canvas; the cross is what people reach."
    what = "Top-5 accuracy against the size of the picture."
    return DiagnosticsSection(
        "Accuracy against size", text, [DiagnosticsFigure("diagnostics_size", partial(size_figure, models), what)]
    )


def _bias(measured: Any) -> DiagnosticsSection:
    position, height = (_share(measured[f"non_uniform_{what}"]) for what in ("position", "height"))
    text = (
        f"Of {measured['tested']} classes with enough boxes, {position} have positions that are not uniform over the "
        f"picture and {height} heights that are not ({measured['test']}, corrected for all classes). What was "
        "photographed in the middle is learnt in the middle."
    )
    what = "Histograms of the objects' positions and heights."
    return DiagnosticsSection(
        "Photographer's bias", text, [DiagnosticsFigure("diagnostics_bias", partial(bias_figure, measured), what)]
    )


def _share(value: float | None) -> str:
    return "an unknown share" if value is None else f"{100 * value:.0f} %"


SECTIONS: dict[str, Callable[[Any], DiagnosticsSection]] = {
    "shiftability": _shiftability,
    "aliasing": _aliasing,
    "typicality": _typicality,
    "size": _size,
    "bias": _bias,
}
