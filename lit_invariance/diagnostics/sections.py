"""The report's sections on the diagnostics: one for each, with figures and a sentence on how to read them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from lit_invariance.diagnostics.plots import (
    aliasing_figure,
    bias_figure,
    feature_map_figure,
    response_figure,
    shiftability_figure,
    size_figure,
    typicality_figure,
)
from lit_invariance.diagnostics.size import TOP
from lit_invariance.names import file_stems

LAYERS = (
    "Each dot is a layer; the line joins the last layers of each resolution. A line near zero means that the sums do "
    "not depend on where the picture is. A line that rises to the right means that each further subsampling makes them "
    "depend on it more."
)
RESPONSE = (
    "The sum of one feature map while the picture moves, divided by its mean. Inside the band it counts as constant. A "
    "flat line is what a map without aliasing gives; a comb that repeats every few pixels is the trace of the stride."
)
MAP = (
    "The same map at several moves of the picture. If it only moves along, its bright spots stay as bright and the "
    "totals agree. Spots that appear, vanish or change are what subsampling has lost."
)


@dataclass(frozen=True)
class SectionFigure:
    """A figure of a section.

    Attributes:
        name: Stem of its files.
        draw: What draws it.
        description: Text for readers who cannot see the figure.
        caption: What to look for in it.
    """

    name: str
    draw: Callable[[], Figure]
    description: str
    caption: str


@dataclass(frozen=True)
class Section:
    """A section.

    Attributes:
        title: Its heading.
        text: How to read it.
        figures: What it shows.
        findings: What was found, a sentence each, for readers without the figures.
    """

    title: str
    text: str
    figures: list[SectionFigure]
    findings: list[str]


def shiftability_section(models: Mapping[str, Any]) -> Section:
    """Describe how often response sums change; takes the measurements."""
    figures = [
        SectionFigure(
            "diagnostics_shiftability",
            partial(shiftability_figure, models),
            "Non-shiftability of the last layer of each resolution against its cumulative subsampling.",
            LAYERS,
        )
    ]
    for name, stem in file_stems(models).items():
        measured = models[name]
        if measured["curves"]:
            what = f"Response sums of feature maps of {name} against the move of the picture."
            figures.append(
                SectionFigure(f"diagnostics_response_{stem}", partial(response_figure, measured), what, RESPONSE)
            )
        if measured["feature_map"]:
            what = f"One feature map of {name} under three moves of a picture."
            figures.append(
                SectionFigure(
                    f"diagnostics_map_{stem}", partial(feature_map_figure, measured["feature_map"]), what, MAP
                )
            )
    text = (
        "If a feature map holds no frequency above what its sampling can carry, the sum over its positions does not "
        "change when the picture moves. The figure counts the moves at which it changes by more than a fifth; it rises "
        "where a network subsamples without a filter. Azulay & Weiss measured 25 to 39 % at the last layers of three "
        "networks."
    )
    return Section("Shiftability", text, figures, [_most_changed(*one) for one in models.items()])


def _most_changed(name: str, measured: Mapping[str, Any]) -> str:
    layers = measured["layers"]
    if not layers:
        return f"{name}: no layer could be looked at."
    most, last = max(layers, key=lambda layer: layer["mean"]), layers[-1]
    return (
        f"{name}: the sum of a map changes by more than {100 * measured['threshold']:.0f} % at {last['mean']:.0f} % of "
        f"the moves at the last layer ({last['layer']}, subsampled {last['factor']:g} times), most often at "
        f"{most['layer']} ({most['mean']:.0f} %, {most['factor']:g} times)."
    )


def aliasing_section(models: Mapping[str, Any]) -> Section:
    """Describe how much strided operations alias; takes the measurements."""
    worst = [_worst(name, measured) for name, measured in models.items()]
    text = "The share of a map's energy that each strided operation folds down from above the new limit. " + " ".join(
        worst
    )
    what = "Aliased share of energy at each strided operation, in the order of the forward pass."
    caption = (
        "One bar for each strided operation, the first one on top; in brackets by how much the map is smaller than the "
        "picture after it. Look for the longest bars: there a filter has most to remove. At a bar near zero it has "
        "nothing to remove."
    )
    figure = SectionFigure("diagnostics_aliasing", partial(aliasing_figure, models), what, caption)
    return Section("Aliasing", text, [figure], worst)


def _worst(name: str, measured: Mapping[str, Any]) -> str:
    if not measured["operations"]:
        return f"{name} has no strided operation that can be measured."
    operation = max(measured["operations"], key=lambda entry: entry["aliased"])
    return f"{name} aliases most at {operation['operation']}, {100 * operation['aliased']:.0f} % of the energy."


def typicality_section(models: Mapping[str, Any]) -> Section:
    """Describe change against the distance from the training images; takes the measurements."""
    correlations = [f"{name}: {_correlation(measured)}" for name, measured in models.items()]
    text = (
        "Change of the answer against the distance from the nearest training images. If networks are steady for "
        "pictures like those of the training set only, change rises with distance. "
        f"Rank correlation: {'; '.join(correlations)}."
    )
    what = "Top-1 change against perceptual distance from the training images, in bins of equal size."
    caption = (
        "On the left are pictures like those of the training set, on the right pictures unlike them. A line that rises "
        "means that the network is steady mainly where it has seen similar pictures; a flat one, that this does not "
        "matter. Where the bars of two bins overlap widely, a difference between them may be chance."
    )
    figure = SectionFigure("diagnostics_typicality", partial(typicality_figure, models), what, caption)
    found = [f"{told}: rank correlation of change with distance from the training images." for told in correlations]
    return Section("Typicality", text, [figure], found)


def _correlation(measured: Mapping[str, Any]) -> str:
    if measured["correlation"] is None:
        return f"undefined ({measured['distance']})"
    ends = f"[{measured['low']:+.2f}, {measured['high']:+.2f}]"
    return f"{measured['correlation']:+.2f} {ends} ({measured['distance']})"


def size_section(models: Mapping[str, Any]) -> Section:
    """Describe accuracy against size; takes the measurements."""
    top = next(iter(models.values()))["top"]
    star = " The star is what people reach on ImageNet." if top == TOP else ""
    text = f"Accuracy when the picture is shown at growing sizes on one canvas.{star}"
    what = f"Top-{top} accuracy against the size of the picture."
    caption = (
        "A curve that is high on the left needs few pixels. Below the size at which it levels off, the network loses "
        "accuracy because the picture is small."
    )
    figure = SectionFigure("diagnostics_size", partial(size_figure, models), what, caption)
    return Section("Accuracy against size", text, [figure], [_grown(*one) for one in models.items()])


def _grown(name: str, measured: Mapping[str, Any]) -> str:
    ends = [
        f"{100 * point['accuracy']:.0f} % at {point['size']:g} {measured['unit']}"
        for point in (measured["points"][0], measured["points"][-1])
    ]
    return f"{name}: top-{measured['top']} accuracy {' and '.join(ends)}."


def bias_section(measured: Any) -> Section:
    """Describe the photographer's bias; takes the measurements."""
    position, height = (_share(measured[f"non_uniform_{what}"]) for what in ("position", "height"))
    found = (
        f"Of {measured['tested']} classes with enough boxes, {position} have positions that are not uniform over the "
        f"picture and {height} heights that are not ({measured['test']}, corrected for all classes)."
    )
    text = f"{found} What was photographed in the middle is learnt in the middle."
    what = "Histograms of the objects' positions and heights."
    caption = (
        "Without a bias, the two histograms of positions would be flat, and the heights would follow the dashed line. "
        "A hump in the middle means that objects were put into the middle of the picture."
    )
    figure = SectionFigure("diagnostics_bias", partial(bias_figure, measured), what, caption)
    return Section("Photographer's bias", text, [figure], [found])


def _share(value: float | None) -> str:
    return "an unknown share" if value is None else f"{100 * value:.0f} %"
