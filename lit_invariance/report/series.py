"""What a protocol's results are place by place, as robust accuracy at each radius: tables and curves."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from lit_invariance.names import file_stems, shortened
from lit_invariance.plotting import save_figure
from lit_invariance.report.plots import PANEL, arms, look_of
from lit_invariance.report.table import GAP, LONGEST_NAME, WIDTH, number
from lit_invariance.results.schema import ResultsContent, SeriesEntry, samples

APART = 0.08  # places, by which models stand side by side
SHORT = 8  # letters of a place's name that fit below a curve


class Series(NamedTuple):
    """One measure under one protocol, for all models.

    Attributes:
        protocol: Label of the protocol.
        measure: What is measured.
        places: The places in words.
        models: An entry for each model, in their order.
    """

    protocol: str
    measure: str
    places: list[str]
    models: list[SeriesEntry]


def all_series(results: ResultsContent, protocol: str | None = None) -> list[Series]:
    """Return the measures that were taken place by place.

    Args:
        results: The results.
        protocol: Label of the protocol; None for all.
    """
    found: dict[tuple[str, str], list[SeriesEntry]] = {}
    for entry in results.get("series", []):
        if protocol in (None, entry["protocol"]):
            found.setdefault((entry["protocol"], entry["measure"]), []).append(entry)
    return [Series(*of, entries[0]["places"], entries) for of, entries in found.items()]


def format_series(results: ResultsContent, width: int = WIDTH) -> str:
    """Lay every measure out for a terminal: a line a place, a column a model.

    Args:
        results: The results.
        width: Columns of the terminal; models that do not fit are put below.

    Returns:
        Text of many lines; empty where nothing was measured place by place.
    """
    return "\n\n".join(_text(results, series, width) for series in all_series(results))


def _text(results: ResultsContent, series: Series, width: int) -> str:
    lines = [f"{series.protocol}: {series.measure} (share of {results['images']} {samples(results)})"]
    first = ["", *series.places]
    for columns in _blocks([_column(entry) for entry in series.models], width - max(map(len, first))):
        cells = [first, *columns]
        widths = [max(map(len, column)) for column in cells]
        lines += [GAP.join(map(str.ljust, row, widths)).rstrip() for row in zip(*cells, strict=True)]
    lines += [spread_sentence(entry) for entry in series.models if "spread" in entry]
    return "\n".join(lines)


def spread_sentence(entry: SeriesEntry) -> str:
    """Say how far a measure lies apart over all views, of a series that has a spread."""
    least, greatest, deviation = map(number, entry["spread"])
    return f"{entry['model']}, over all views: from {least} to {greatest}, standard deviation {deviation}"


def _column(entry: SeriesEntry) -> list[str]:
    values = zip(entry["mean"], entry["low"], entry["high"], strict=True)
    cells = [f"{number(mean)} [{number(low)}, {number(high)}]" for mean, low, high in values]
    return [shortened(entry["model"], LONGEST_NAME), *cells]


def _blocks(columns: list[list[str]], room: int) -> list[list[list[str]]]:
    blocks: list[list[list[str]]] = [[]]
    for column in columns:
        if blocks[-1] and sum(len(GAP) + max(map(len, other)) for other in [*blocks[-1], column]) > room:
            blocks.append([])
        blocks[-1].append(column)
    return blocks


def save_series(results: ResultsContent, folder: Path) -> list[Path]:
    """Draw every measure and write it as PNG and SVG.

    Args:
        results: The results.
        folder: An existing folder.

    Returns:
        The files, `series_<protocol>_<measure>`.
    """
    series = {f"{each.protocol}_{each.measure}": each for each in all_series(results)}
    return [
        path
        for name, stem in file_stems(series).items()
        for path in save_figure(partial(series_figure, results, series[name]), folder / f"series_{stem}")
    ]


def series_figure(results: ResultsContent, series: Series) -> Figure:
    """Draw one measure at all places, with the intervals as bars: as curves, or as dots beside places of long names.

    Args:
        results: The results.
        series: The measure.
    """
    curves = max(map(len, series.places)) <= SHORT
    wide = max(PANEL[0], 1 + 0.5 * len(series.places)) if curves else 6.0
    figure = Figure(figsize=(wide, PANEL[1] if curves else 1.2 + 0.24 * len(series.places)), layout="constrained")
    axes, places = figure.subplots(), range(len(series.places))
    for place, entry in enumerate(series.models):
        known = zip(entry["mean"], entry["low"], entry["high"], strict=True)
        bars = np.concatenate([arms(values) for values in known], axis=1)
        at = [x + (place - (len(series.models) - 1) / 2) * APART for x in places]
        look = look_of(place) | {"label": shortened(entry["model"])}
        if curves:
            axes.errorbar(at, entry["mean"], yerr=bars, **look | {"linestyle": "-", "linewidth": 1.2})
        else:
            axes.errorbar(entry["mean"], at, xerr=bars, **look)
    what = f"{series.measure} (share of {samples(results)})"
    if curves:
        axes.set_xticks(places, series.places)
        axes.set(title=shortened(series.protocol), ylabel=what, ylim=(0, 1.02))
    else:
        axes.set_yticks(places, series.places)
        axes.set(title=shortened(series.protocol), xlabel=what, ylim=(len(series.places) - 0.5, -0.5))
    if len(series.models) > 1:
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure
