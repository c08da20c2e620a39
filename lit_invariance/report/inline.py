"""Figures and pictures as text in a page: they take the page's colours, and need no other file."""

import base64
import io
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

from lit_invariance.errors import UserError
from lit_invariance.plotting import STYLE, drawn

# Colours that nothing else has stand for the page's own, which differ between day and night.
INK, RULE = "#010203", "#010204"
THEMED: dict[Any, Any] = STYLE | {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "grid.color": RULE,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    "font.size": 9,
    "axes.titlesize": 9.5,
}
PROLOGUE = re.compile(r"^.*?(?=<svg)|<metadata>.*?</metadata>|<style.*?</style>", re.DOTALL)
IDENTIFIER = re.compile(r'(\bid="|href="#|url\(#)')


class Drawing:
    """Puts figures into the page, each with its own name; a figure that fails is replaced by a line of text."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, draw: Callable[[], Figure], description: str) -> Markup:
        """Draw a figure, with a description for screen readers, as an element of the page."""
        self.count += 1
        element = drawn(f"a figure of the report ({description})", lambda: _element(draw, self.count, description))
        return Markup('<p class="soft">This figure could not be drawn.</p>') if element is None else Markup(element)


def _element(draw: Callable[[], Figure], count: int, description: str) -> str:
    with matplotlib.rc_context(THEMED):
        return inline_svg(draw(), f"f{count}", description)


def inline_svg(figure: Figure, name: str, description: str) -> str:
    """Turn a figure into an `<svg>` element.

    Args:
        figure: Made under the style `THEMED`.
        name: Unique in the page, for the identifiers inside.
        description: Text for readers who cannot see the figure.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context(THEMED):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = IDENTIFIER.sub(rf"\g<1>{name}-", PROLOGUE.sub("", buffer.getvalue()))
    # The network's own black would not be seen at night.
    text = re.sub(f"{INK}|#000000", "currentColor", text).replace(RULE, "var(--rule)")
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(description)}" ', 1)


def data_uri(folder: Path, file: str) -> str:
    """Turn a WebP picture into an address that holds all of it.

    Args:
        folder: The results folder.
        file: The picture's path in it. A page goes to others, so nothing else of the machine may get into it.

    Raises:
        UserError: If it leads out of the folder, also through a symbolic link.
    """
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise UserError(f"the results in {folder} name the picture {file}, which lies outside; evaluate again.")
    return f"data:image/webp;base64,{base64.b64encode(path.read_bytes()).decode()}"
