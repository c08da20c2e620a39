"""What the diagnostics found: sentences for a terminal, and figures as files."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lit_invariance.diagnostics.run import sections_of
from lit_invariance.names import printable
from lit_invariance.plotting import save_figure
from lit_invariance.report.table import WIDTH


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


def format_findings(measured: Mapping[str, Any], width: int = WIDTH) -> str:
    """Say what the diagnostics found.

    Args:
        measured: The field `diagnostics` of a results file.
        width: Columns of the terminal.

    Returns:
        Text of several lines; empty where nothing was diagnosed.
    """
    lines = []
    for section in sections_of(measured):
        lines.append(f"{section.title}:")
        for finding in section.findings:
            lines += textwrap.wrap(printable(finding), width, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(lines)
