"""The probability of the top classes at every frame of a film, as a table and as a curve."""

import csv
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from lit_invariance.files import replacing
from lit_invariance.names import file_stems, shortened
from lit_invariance.plotting import COLOURS, save_figure
from lit_invariance.results.schema import CurveEntry


def save_curves(curves: Sequence[CurveEntry], folder: Path) -> tuple[list[Path], list[Path]]:
    """Write curves as CSV, PNG and SVG, `video_<model>`.

    Args:
        curves: One curve a model.
        folder: An existing folder.

    Returns:
        The tables, and the figures.
    """
    tables, figures = [], []
    stems = file_stems(curve["model"] for curve in curves)
    for curve in curves:
        stem = folder / f"video_{stems[curve['model']]}"
        tables.append(stem.with_name(f"{stem.name}.csv"))
        with replacing(tables[-1]) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["frame", *curve["classes"]])
            writer.writerows([frame, *row] for frame, row in enumerate(curve["probabilities"]))
        figures += save_figure(partial(curve_figure, curve), stem)
    return tables, figures


def curve_figure(curve: CurveEntry, size: tuple[float, float] = (9, 3.8)) -> Figure:
    """Draw the probability of each class against the frame, like the "ice bear" curve of Azulay & Weiss.

    Args:
        curve: The curve.
        size: Width and height in inches.
    """
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    for place, (name, colour) in enumerate(zip(curve["classes"], COLOURS, strict=False)):
        values = [frame[place] for frame in curve["probabilities"]]
        axes.plot(values, label=shortened(name), color=colour, linewidth=1.2)
    title = f"{shortened(curve['model'])} on {shortened(curve['film'])}"
    axes.set(xlabel="frame", ylabel="probability", ylim=(-0.02, 1.02), title=title)
    axes.margins(x=0.01)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure
