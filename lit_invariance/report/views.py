"""Figures over the views of a protocol: probability against shift, heat maps of many images, maps over a shift grid."""

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from lit_invariance.names import shortened
from lit_invariance.plotting import COLOURS
from lit_invariance.report.plots import PANEL, look_of
from lit_invariance.results.outcomes import Answers, Outcomes
from lit_invariance.results.schema import ProtocolEntry, ResultsContent, is_labelled
from lit_invariance.results.steps import grid_side

SWEEP = 8  # views from which on a heat map says more than a table
MOST_ROWS = 60
NAMED_LABELS = 7
OTHERS = "#b8b8b8"


def place_of(protocol: ProtocolEntry, view: int) -> str:
    """Say where a view is: its own name, its shift down and to the right on a grid, or its step."""
    if "view_names" in protocol:
        return protocol["view_names"][view]
    side = grid_side(protocol)
    if side is None:
        return f"{protocol['steps'][view]:g} {protocol['unit']}"
    return f"{view // side - side // 2:+d} px down, {view % side - side // 2:+d} px right"


def shown_probability(results: ResultsContent) -> str:
    """Say whose probability the figures show: the true class's, or that of each answer where no class is known."""
    return "P(true class)" if is_labelled(results) else "P(answer)"


def _probability(answers: Answers) -> NDArray[np.float32]:
    unknown = bool(np.isnan(answers.true_probability).all())
    return answers.top_probability if unknown else answers.true_probability


def is_sweep(protocol: ProtocolEntry) -> bool:
    """Tell whether the views are so many along one line that a heat map shows them."""
    return grid_side(protocol) is None and "view_names" not in protocol and len(protocol["steps"]) >= SWEEP


def curve_figure(
    results: ResultsContent, outcomes: Outcomes, protocol: ProtocolEntry, row: int, pair: list[int]
) -> Figure:
    """Draw the true class's probability of one image against the shift, as in Figure 1 of Azulay & Weiss 2019.

    Where no class is known, it is the probability of each view's own answer.

    Args:
        results: The results.
        outcomes: Per-image outcomes.
        protocol: Whose views.
        row: Row of the image in the outcomes.
        pair: The two views to mark.
    """
    figure = Figure(figsize=(PANEL[0], 2.3), layout="constrained")
    named = "view_names" in protocol  # such views are in no order along one line
    axes, steps = figure.subplots(), np.arange(len(protocol["steps"])) if named else np.array(protocol["steps"])
    if len(steps) > 2:
        axes.axvspan(steps[pair[0]], steps[pair[1]], color="#e8b400", alpha=0.3, linewidth=0)
    for place, model in enumerate(results["models"]):
        look = look_of(place)
        probability = _probability(outcomes.answers[model["name"], protocol["label"]])[row]
        dense = len(steps) > 20
        axes.plot(
            steps,
            probability,
            color=look["color"],
            linewidth=1.3,
            marker=None if dense else look["marker"],
            markersize=4.5,
            label=shortened(model["name"]),
        )
    where = "view (0 is the reference)" if named else protocol["unit"]
    axes.set(ylim=(-0.03, 1.03), xlabel=where, ylabel=shown_probability(results))
    if len(steps) <= 5:
        axes.set_xticks(steps)
    return figure


def heat_figure(
    results: ResultsContent, outcomes: Outcomes, protocol: ProtocolEntry, model: str, rows: np.ndarray
) -> Figure:
    """Draw the true class's probability over shifts, an image a row; that of each answer where no class is known.

    Args:
        results: The results.
        outcomes: Per-image outcomes.
        protocol: Whose views.
        model: Name of the model.
        rows: Rows of the outcomes to show, from the top.
    """
    figure = Figure(figsize=(PANEL[0], 2.6), layout="constrained")
    axes, steps = figure.subplots(), protocol["steps"]
    values = _probability(outcomes.answers[model, protocol["label"]])[rows]
    shown = axes.imshow(
        values, aspect="auto", vmin=0, vmax=1, cmap="viridis", interpolation="nearest",
        extent=(steps[0], steps[-1], len(rows), 0),
    )  # fmt: skip
    axes.grid(visible=False)
    axes.set(xlabel=protocol["unit"], ylabel="images", yticks=[], title=shortened(model))
    figure.colorbar(shown, ax=axes, label=shown_probability(results), shrink=0.9)
    return figure


def heat_rows(outcomes: Outcomes, protocol: str, reference: str) -> np.ndarray:
    """Choose the images of the heat maps: evenly out of all, by falling mean probability under the reference."""
    probability = _probability(outcomes.answers[reference, protocol])
    means = np.array([np.nanmean(line) if np.isfinite(line).any() else 0.0 for line in probability])
    order = np.argsort(-means, kind="stable")
    chosen: np.ndarray = order[np.linspace(0, len(order) - 1, min(MOST_ROWS, len(order))).round().astype(int)]
    return chosen


def map_figure(results: ResultsContent, outcomes: Outcomes, protocol: ProtocolEntry, model: str, row: int) -> Figure:
    """Draw, for each shift of a grid, which label a model gave and how probable it found the true class.

    Args:
        results: The results.
        outcomes: Per-image outcomes.
        protocol: A protocol whose views are a grid of shifts.
        model: Name of the model.
        row: Row of the image in the outcomes.
    """
    side = grid_side(protocol)
    assert side is not None, protocol["label"]
    reach, answers = side // 2, outcomes.answers[model, protocol["label"]]
    labels, probability = (
        answers.predictions[row].reshape(side, side),
        _probability(answers)[row].reshape(side, side),
    )
    named, colours = _named_labels(labels, int(outcomes.labels[row]))
    figure = Figure(figsize=(PANEL[0] * 1.25, 2.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    extent = (-reach - 0.5, reach + 0.5, reach + 0.5, -reach - 0.5)
    places = np.select([labels == label for label in named], range(len(named)), len(named))
    colour_map = ListedColormap([*colours, OTHERS])
    left.imshow(places, cmap=colour_map, vmin=-0.5, vmax=len(named) + 0.5, interpolation="nearest", extent=extent)
    right.imshow(probability, cmap="viridis", vmin=0, vmax=1, interpolation="nearest", extent=extent)
    left.set(title="label", ylabel="shift down (px)", xlabel="shift right (px)")
    right.set(title=shown_probability(results), xlabel="shift right (px)")
    for axes in (left, right):
        axes.grid(visible=False)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    right.set(yticks=[])
    texts = [_short(results, label) for label in named] + ["others"] * bool((places == len(named)).any())
    for text, colour in zip(texts, [*colours, OTHERS], strict=False):
        left.plot([], [], "s", color=colour, label=text)
    left.set(xlim=extent[:2], ylim=extent[2:])
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def _named_labels(labels: np.ndarray, true: int) -> tuple[list[int], list[str]]:
    """The true class first, in green, where it is known; then the most frequent other answers."""
    found, counts = np.unique(labels, return_counts=True)
    others = [int(label) for label in found[np.argsort(-counts, kind="stable")] if label != true]
    named = [*([true] if true >= 0 else []), *others][:NAMED_LABELS]
    palette = [COLOURS[2], *(colour for colour in COLOURS[:-1] if colour != COLOURS[2]), "#8c6bb1"]
    return named, palette[: len(named)]


def _short(results: ResultsContent, label: int) -> str:
    return shortened(class_name(results, label), 22)


def class_name(results: ResultsContent, label: int) -> str:
    """Return the name of a class, its number where it has no name, or that it is not known."""
    if label < 0:
        return "unknown class"
    names = results["class_names"]
    return names[label].partition(",")[0] if 0 <= label < len(names) else f"class {label}"
