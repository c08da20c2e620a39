"""How every figure looks, and how it is written to disk."""

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from lit_invariance.files import replacing

# Okabe & Ito's palette without yellow: told apart by colour-blind readers, and by marker where printed in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = "osD^vPX"
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "axes.titlesize": 10.5,
    "figure.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "lit_invariance",
}


def save_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as PNG and SVG; equal figures make equal files.

    Args:
        figure: The figure.
        stem: The files' path without a suffix.

    Returns:
        The two files.
    """
    files = [stem.with_name(f"{stem.name}{suffix}") for suffix in (".png", ".svg")]
    for file in files:
        # A date would make equal results differ.
        metadata = {"Date": None} if file.suffix == ".svg" else None
        with matplotlib.rc_context(STYLE), replacing(file) as temporary:
            figure.savefig(temporary, dpi=150, metadata=metadata)
    return files


def line_style(place: int) -> dict[str, Any]:
    """Return the colour and marker of the line number `place`, from 0."""
    return {
        "color": COLOURS[place % len(COLOURS)],
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": 5,
        "linewidth": 1.4,
    }
