"""Pictures of a few images for the loggers: their views with the answers, and the true class's probability."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps
from torch import Tensor

from lit_invariance.plotting import COLOURS, STYLE

SIDE, CAPTION, GAP = 112, 30, 4  # pixels
MOST_SHOWN = 4  # views of each image, evenly spaced
RIGHT, WRONG = (0, 120, 80), (180, 40, 30)


def views_picture(views: Tensor, probabilities: Tensor, labels: Tensor, names: Sequence[str]) -> NDArray[np.uint8]:
    """Lay out views with what was said of each, an image a row.

    Args:
        views: `(N, T, 3, H, W)` in [0, 1].
        probabilities: `(N, T, K)`.
        labels: `(N,)`.
        names: K names of classes.

    Returns:
        `(H, W, 3)`.
    """
    shown = np.unique(np.linspace(0, views.shape[1] - 1, min(MOST_SHOWN, views.shape[1])).round().astype(int)).tolist()
    across, down = SIDE + GAP, SIDE + CAPTION + GAP
    sheet = Image.new("RGB", (across * len(shown), down * len(views)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for row, label in enumerate(labels.tolist()):
        for column, view in enumerate(shown):
            pixels = (views[row, view] * 255).round().byte().permute(1, 2, 0).numpy()
            corner = (column * across, row * down)
            picture = ImageOps.pad(Image.fromarray(pixels), (SIDE, SIDE), color="white")
            sheet.paste(picture, corner)
            probability, answer = probabilities[row, view].max(0)
            text = f"{names[int(answer)][:17]}\n{100 * float(probability):.0f} %"
            colour = RIGHT if int(answer) == label else WRONG
            pen.multiline_text((corner[0] + 1, corner[1] + SIDE + 1), text, fill=colour, font=font, spacing=1)
    return np.array(sheet)


def probability_figure(
    steps: Sequence[float],
    unit: str,
    probabilities: Tensor,
    labels: Tensor,
    names: Sequence[str],
    whose: str = "true class",
) -> Figure:
    """Draw a class's probability against the shift, a line an image.

    Args:
        steps: T coordinates.
        unit: Their unit.
        probabilities: `(N, T, K)`.
        labels: `(N,)`.
        names: K names of classes.
        whose: Which class the labels are, for the axis.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 3.2))
        axes = figure.add_axes((0.11, 0.15, 0.6, 0.8))
        for row, label in enumerate(labels.tolist()):
            line = probabilities[row, :, label].numpy()
            style = "-" if row < len(COLOURS) else "--"
            axes.plot(steps, line, style, color=COLOURS[row % len(COLOURS)], label=names[label][:17])
        axes.set(ylim=(-0.03, 1.03), xlabel=unit, ylabel=f"P({whose})")
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize=8)
    return figure


def rendered(figure: Figure) -> NDArray[np.uint8]:
    """Return a figure's pixels, `(H, W, 3)`."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    return np.asarray(pixels)[..., :3].copy()
