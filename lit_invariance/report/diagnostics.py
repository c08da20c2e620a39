"""The figures of the diagnostics as files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lit_invariance.diagnostics.run import sections_of
from lit_invariance.plotting import save_figure


def save_diagnostics(measured: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw what the diagnostics measured, and write each figure as PNG and SVG.

    Args:
        measured: The field `diagnostics` of a results file.
        folder: An existing folder.

    Returns:
        The files.
    """
    shown = [figure for section in sections_of(measured) for figure in section.figures]
    return [file for one in shown for file in save_figure(one.draw, folder / one.name)]
