"""Figures of a comparison: the scores of each protocol with their intervals, and accuracy against stability."""

from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lit_invariance.names import file_stems, shortened
from lit_invariance.plotting import COLOURS, MARKERS, save_figure
from lit_invariance.report.steadiness import STABILITY, stability_protocols
from lit_invariance.results.schema import (
    ResultsContent,
    estimate,
    find_row,
    headline_scores,
    is_at_chance,
    is_different,
    samples,
)

PANEL = (3.5, 2.9)  # inches, which a phone shows at full width
LETTER = 0.085  # inches that a letter of a model's name takes


def save_plots(results: ResultsContent, folder: Path) -> list[Path]:
    """Draw all figures and write each as PNG and SVG.

    Args:
        results: The results.
        folder: An existing folder.

    Returns:
        The files, `scores_<protocol>` for each protocol and `accuracy_against_top1_change`.
    """
    written: list[Path] = []
    stems = file_stems(protocol["label"] for protocol in results["protocols"])
    for label, stem in stems.items():
        written += save_figure(partial(scores_figure, results, label), folder / f"scores_{stem}")
    if tradeoff_protocols(results):
        written += save_figure(partial(tradeoff_figure, results), folder / f"accuracy_against_{STABILITY}")
    return written


def scores_figure(results: ResultsContent, protocol: str) -> Figure:
    """Draw the scores under one protocol: a panel a score, a line a model, the interval as a bar, a star as in tables.

    Args:
        results: The results.
        protocol: Label of the protocol.
    """
    scores, models = headline_scores(results, protocol), results["models"]
    names = [shortened(model["name"]) for model in models]
    width = 0.6 + LETTER * max(map(len, names)) + 2.5 * len(scores)
    figure = Figure(figsize=(width, 1.35 + 0.36 * len(models)), layout="constrained")
    panels = figure.subplots(1, len(scores), sharey=True, squeeze=False)[0]
    for score, axes in zip(scores, panels, strict=True):
        for place, model in enumerate(models):
            row = find_row(results, model["name"], protocol, score)
            known = estimate(row)
            if known:
                axes.errorbar(known[0], place, xerr=arms(known), **look_of(place))
            if known and is_different(row):
                axes.annotate("*", (known[0], place), (0, 3), textcoords="offset points", ha="center", fontsize=12)
        reference = estimate(find_row(results, results["reference"], protocol, score))
        if reference:
            axes.axvline(reference[0], color="#999999", linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        entry = results["scores"][score]
        axes.set_title(score.replace("_", " "))
        axes.set_xlabel(f"{entry['unit']} ({'higher' if entry['higher_is_better'] else 'lower'} is better)", fontsize=9)
        axes.margins(x=0.12)
        axes.tick_params(axis="y", length=0)
    panels[0].set_yticks(range(len(models)), names)
    panels[0].set_ylim(len(models) - 0.5, -0.5)
    figure.suptitle(
        f"{shortened(protocol)}, {results['images']} {samples(results)}, {results['level']:.0%} intervals",
        fontsize=11.5,
    )
    return figure


def tradeoff_figure(results: ResultsContent) -> Figure:
    """Draw accuracy against top-1 change, a panel for each protocol that has neighbouring views; hollow is at chance.

    Args:
        results: The results, of pictures whose classes are known.
    """
    protocols = tradeoff_protocols(results)
    columns = 2 if len(protocols) == 4 else min(3, len(protocols))
    lines = -(-len(protocols) // columns)
    figure = Figure(figsize=(3.9 * columns + 0.3, 3.3 * lines + 0.8), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for protocol, axes in zip(protocols, panels, strict=False):
        _tradeoff(axes, results, protocol)
    for axes in panels[len(protocols) :]:
        axes.set_visible(False)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 2 * columns), frameon=False)
    figure.suptitle(f"accuracy against stability, {results['level']:.0%} intervals", fontsize=11.5)
    return figure


def tradeoff_panel(results: ResultsContent, protocol: str) -> Figure:
    """Draw accuracy against top-1 change under one protocol, small and without a legend.

    Args:
        results: The results.
        protocol: Label of a protocol that has neighbouring views.
    """
    figure = Figure(figsize=PANEL, layout="constrained")
    _tradeoff(figure.subplots(), results, protocol)
    return figure


def _tradeoff(axes: Axes, results: ResultsContent, protocol: str) -> None:
    for place, model in enumerate(results["models"]):
        change = estimate(find_row(results, model["name"], protocol, STABILITY))
        accuracy = estimate(find_row(results, model["name"], protocol, "accuracy"))
        if change and accuracy:
            look = look_of(place) | {"xerr": arms(change), "yerr": arms(accuracy), "label": shortened(model["name"])}
            if is_at_chance(results, model["name"], protocol):
                look["markerfacecolor"] = "none"
            axes.errorbar(change[0], accuracy[0], **look)
    axes.set(title=shortened(protocol), xlabel="top1 change (steadier to the left)", ylabel="accuracy")
    axes.margins(0.12)


def tradeoff_protocols(results: ResultsContent) -> list[str]:
    """Return those of `stability_protocols` whose tables show accuracy as well."""
    return [label for label in stability_protocols(results) if "accuracy" in headline_scores(results, label)]


def look_of(place: int) -> dict[str, Any]:
    """Return colour and marker of a model, as matplotlib takes them.

    Args:
        place: Its place among the models.
    """
    return {
        "color": COLOURS[place % len(COLOURS)],
        "marker": MARKERS[(place + place // len(COLOURS)) % len(MARKERS)],
        "markersize": 6,
        "linestyle": "none",
        "elinewidth": 1.8,
        "zorder": 3,
    }


def arms(known: tuple[float, float, float]) -> list[list[float]]:
    """Return the lengths of an interval's two arms as matplotlib takes them; the mean lies inside but for rounding."""
    mean, low, high = known
    return [[max(mean - low, 0.0)], [max(high - mean, 0.0)]]
