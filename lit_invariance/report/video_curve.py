"""The probability of the top classes at every frame of a film, as a table and as a curve."""

import csv
import re
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from lit_invariance.files import replacing
from lit_invariance.plotting import COLOURS, STYLE, save_figure
from lit_invariance.results.curves import Curve


def save_curve(curve: Curve, folder: Path) -> list[Path]:
    """Write a curve as CSV, PNG and SVG, `video_<model>`.

    Args:
        curve: The curve.
        folder: An existing folder.

    Returns:
        The files, CSV first.
    """
    stem = folder / re.sub(r"[^\w.-]+", "_", f"video_{curve.model}").strip("_")
    table = stem.with_name(f"{stem.name}.csv")
    with replacing(table) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", *curve.classes])
        writer.writerows([frame, *map(float, row)] for frame, row in enumerate(curve.probabilities))
    with matplotlib.rc_context(STYLE):
        return [table, *save_figure(curve_figure(curve), stem)]


def curve_figure(curve: Curve) -> Figure:
    """Draw the probability of each class against the frame, like the "ice bear" curve of Azulay & Weiss.

    Args:
        curve: The curve.
    """
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    axes = figure.subplots()
    for name, values, colour in zip(curve.classes, curve.probabilities.T, COLOURS, strict=False):
        axes.plot(values, label=name, color=colour, linewidth=1.2)
    axes.set(xlabel="frame", ylabel="probability", ylim=(-0.02, 1.02), title=f"{curve.model} on {curve.film}")
    axes.margins(x=0.01)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure
