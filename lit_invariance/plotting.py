"""How every figure looks, and how it is written to disk."""

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import matplotlib
from matplotlib.figure import Figure

from lit_invariance.files import replacing
from lit_invariance.names import printable

# Okabe & Ito's palette without yellow: told apart by colour-blind readers, and by marker where printed in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = "osD^vPX"
LONGEST_REASON = 200  # letters
Drawn = TypeVar("Drawn")
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
    "text.parse_math": False,  # a name may hold dollar signs
}


def drawn(what: str, draw: Callable[[], Drawn]) -> Drawn | None:
    """Draw; a drawing that fails is a warning, and never costs a run.

    Args:
        what: Words for it.
        draw: What draws.

    Returns:
        What `draw` returned; None where it failed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # letters that the font lacks, labels that leave the axes no space
            return draw()
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_REASON]
        warnings.warn(f"{what} could not be drawn ({reason}); everything else continues.", stacklevel=2)
        return None


def save_figure(draw: Callable[[], Figure], stem: Path) -> list[Path]:
    """Draw a figure and write it as PNG and SVG; equal figures make equal files.

    Args:
        draw: What draws the figure.
        stem: The files' path without a suffix.

    Returns:
        The two files; none where the figure could not be drawn, which is warned of.

    Raises:
        UserError: If the files cannot be written.
    """
    contents = drawn(f"the figure {printable(stem.name)}", lambda: _rendered(draw))
    files = []
    for suffix, content in (contents or {}).items():
        files.append(stem.with_name(f"{stem.name}{suffix}"))
        with replacing(files[-1]) as temporary:
            temporary.write_bytes(content)
    return files


def _rendered(draw: Callable[[], Figure]) -> dict[str, bytes]:
    contents = {}
    with matplotlib.rc_context(STYLE):
        figure = draw()
        for suffix in (".png", ".svg"):
            buffer = io.BytesIO()
            # A date would make equal results differ.
            metadata = {"Date": None} if suffix == ".svg" else None
            figure.savefig(buffer, format=suffix[1:], dpi=150, metadata=metadata)
            contents[suffix] = buffer.getvalue()
            figure.set_layout_engine("none")  # what is laid out stays so, and costs half of the drawing
    return contents


def line_style(place: int) -> dict[str, Any]:
    """Return the colour and marker of the line number `place`, from 0."""
    return {
        "color": COLOURS[place % len(COLOURS)],
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": 5,
        "linewidth": 1.4,
    }
