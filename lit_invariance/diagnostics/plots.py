"""Figures of the causes: shiftability, aliasing, photographer's bias, typicality and size.

They read `lit_invariance.results.diagnoses`. `models` maps a
model's name to its measurement; the colours follow the order of the models. The caller sets the style.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from lit_invariance.diagnostics.size import TOP
from lit_invariance.names import shortened
from lit_invariance.plotting import COLOURS, line_style
from lit_invariance.results.diagnoses import Aliasing, Bias, FeatureMaps, Shiftability, SizeAccuracy, Typicality

GREY = "#999999"
FAINT = 0.3


def shiftability_figure(models: Mapping[str, Shiftability]) -> Figure:
    """Draw non-shiftability against subsampling: one dot per layer, a line through the means of last layers."""
    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes = figure.subplots()
    for place, (name, measured) in enumerate(models.items()):
        layers = measured["layers"]
        dots = [layer["factor"] for layer in layers], [layer["mean"] for layer in layers]
        axes.plot(*dots, ".", color=COLOURS[place % len(COLOURS)], alpha=FAINT)
        last = list({layer["factor"]: layer for layer in layers}.values())
        means, spreads = [layer["mean"] for layer in last], [layer["spread"] for layer in last]
        axes.errorbar(
            [layer["factor"] for layer in last], means, yerr=spreads, label=shortened(name), **line_style(place)
        )
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel="cumulative subsampling factor", ylabel="non-shiftability (%)", title="last layer of each factor")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="upper left")
    return figure


def response_figure(measured: Shiftability, map_number: int = 0) -> Figure:
    """Draw S(d) of one map at the last layer of each factor, over its mean; the band is what counts as constant.

    Args:
        measured: One model's.
        map_number: Which of the maps that were drawn.
    """
    layers = list(dict.fromkeys(curve["layer"] for curve in measured["curves"]))
    figure = Figure(figsize=(0.6 + 2.6 * max(1, len(layers)), 2.8), layout="constrained")
    panels = figure.subplots(1, max(1, len(layers)), sharey=True, squeeze=False)[0]
    for layer, axes in zip(layers, panels, strict=False):
        curves = [curve for curve in measured["curves"] if curve["layer"] == layer]
        curve = curves[map_number % len(curves)]
        responses = curve["responses"]
        mean = sum(responses) / len(responses)
        relative = [response / mean if mean else 1.0 for response in responses]
        axes.axhspan(1 - measured["threshold"], 1 + measured["threshold"], color="#e8eef5", zorder=0)
        axes.plot(curve["steps"], relative, color=COLOURS[0])
        axes.set(
            title=f"{layer}, map {curve['map']}\nsubsampled by {curve['factor']:.3g}", xlabel=_move(measured["unit"])
        )
    panels[0].set_ylabel("total response / its mean")
    return figure


def feature_map_figure(shown: FeatureMaps) -> Figure:
    """Draw one feature map under several moves of the picture, all in one scale of grey."""
    figure = Figure(figsize=(0.4 + 2.2 * len(shown["steps"]), 2.9), layout="constrained")
    panels = figure.subplots(1, len(shown["steps"]), squeeze=False)[0]
    values = [value for image in shown["values"] for row in image for value in row]
    for number, axes in enumerate(panels):
        axes.imshow(shown["values"][number], cmap="gray", vmin=min(values), vmax=max(values), interpolation="nearest")
        response = shown["responses"][number]
        axes.set_title(f"move {shown['steps'][number]:g} {shown['unit']}\ntotal response {response:.4g}")
        axes.set(xticks=[], yticks=[])
        axes.grid(visible=False)
    figure.suptitle(f"{shown['layer']}, map {shown['map']}", fontsize=11.5)
    return figure


def aliasing_figure(models: Mapping[str, Aliasing]) -> Figure:
    """Draw the aliased share of each strided operation in the order of the forward pass, one panel per model."""
    most = max(len(measured["operations"]) for measured in models.values())
    figure = Figure(figsize=(1 + 4.2 * len(models), 1.3 + 0.3 * most), layout="constrained")
    panels = figure.subplots(1, len(models), sharex=True, squeeze=False)[0]
    greatest = max((entry["aliased"] for measured in models.values() for entry in measured["operations"]), default=0.0)
    for place, ((name, measured), axes) in enumerate(zip(models.items(), panels, strict=True)):
        operations = measured["operations"]
        labels = [f"{entry['operation']} (÷{entry['factor'] * max(entry['stride']):.3g})" for entry in operations]
        shares = [100 * entry["aliased"] for entry in operations]
        axes.barh(range(len(operations)), shares, color=COLOURS[place % len(COLOURS)], height=0.65)
        axes.set_yticks(range(len(operations)), labels)
        axes.set_ylim(most - 0.4, -0.6)
        axes.set(title=shortened(name), xlabel="energy aliased (%)", xlim=(0, 108 * greatest or 1))
    return figure


def bias_figure(measured: Bias, label: str | None = None) -> Figure:
    """Draw the positions and heights of objects; the dashed line is the distribution of heights without bias.

    Args:
        measured: A data set's.
        label: One class; all of them where not given.

    Raises:
        ValueError: If there is no class of that name.
    """
    found = [entry for entry in measured["classes"] if entry["label"] == label]
    if label is not None and not found:
        raise ValueError(f"the boxes have no class {label}.")
    histograms: Mapping[str, Any] = found[0]["histograms"] if found else measured["histograms"]
    figure = Figure(figsize=(9, 2.9), layout="constrained")
    titles = {"x": "centre, from the left", "y": "centre, from the top", "height": "height"}
    for (key, title), axes in zip(titles.items(), figure.subplots(1, 3), strict=True):
        counts = histograms[key]
        width = 1 / len(counts)
        axes.bar([(n + 0.5) * width for n in range(len(counts))], counts, width=0.92 * width, color=COLOURS[0])
        axes.set(title=title, xlabel="share of the image's side", xlim=(0, 1))
    axes.axhline(sum(counts) / len(counts), color=GREY, linestyle=(0, (4, 3)))
    figure.suptitle(f"{shortened(label or 'all classes')}, {sum(histograms['x'])} objects", fontsize=11.5)
    return figure


def typicality_figure(models: Mapping[str, Typicality]) -> Figure:
    """Draw the mean change of images in bins of distance from the training set, with intervals."""
    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes = figure.subplots()
    for place, (name, measured) in enumerate(models.items()):
        bins, correlation = measured["bins"], measured["correlation"]
        label = shortened(name) if correlation is None else f"{shortened(name)}, rank correlation {correlation:+.2f}"
        _curve(axes, [part["distance"] for part in bins], bins, "change", place, label)
    first = next(iter(models.values()))
    axes.set(xlabel=f"{first['distance']} to the {first['neighbours']} nearest training images", ylabel="top1 change")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return figure


def size_figure(models: Mapping[str, SizeAccuracy]) -> Figure:
    """Draw accuracy against the size of the picture; of top-5 accuracy, with what people reach for orientation."""
    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes = figure.subplots()
    for place, (name, measured) in enumerate(models.items()):
        points = measured["points"]
        _curve(axes, [point["size"] for point in points], points, "accuracy", place, shortened(name))
    first = next(iter(models.values()))
    if first["top"] == TOP:
        axes.plot(*first["human"], "*", color="black", markersize=11, label="people, ImageNet, top 5")
    axes.set(xlabel=f"size of the picture ({first['unit']})", ylabel=f"top-{first['top']} accuracy", ylim=(0, 1))
    axes.legend(frameon=False)
    return figure


def _curve(axes: Axes, places: list[float], points: Sequence[Any], key: str, place: int, label: str) -> None:
    values = [point[key] for point in points]
    arms = [
        [max(point[key] - point["low"], 0.0) for point in points],
        [max(point["high"] - point[key], 0.0) for point in points],
    ]
    axes.errorbar(places, values, yerr=arms, label=label, **line_style(place))


def _move(unit: str) -> str:
    return f"move of the picture ({unit})"
