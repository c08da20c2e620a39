"""The report: one HTML page that needs no network and no other file."""

import inspect
import math
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lit_invariance.diagnostics.run import sections_of
from lit_invariance.files import replacing
from lit_invariance.metrics import ROW_SCORES, SET_SCORES
from lit_invariance.plotting import COLOURS
from lit_invariance.protocols import PROTOCOLS
from lit_invariance.report.classes import class_lines
from lit_invariance.report.costs import cost_cells, delays, how_measured
from lit_invariance.report.executors import how_run
from lit_invariance.report.failures import failure, heat_maps
from lit_invariance.report.inline import Drawing
from lit_invariance.report.plots import STABILITY, stability_protocols, tradeoff_panel, tradeoff_protocols
from lit_invariance.report.preprocessing import cautions, describe
from lit_invariance.report.published import published_rows
from lit_invariance.report.sentences import leading_protocol, summary_sentence
from lit_invariance.report.table import number
from lit_invariance.report.video_curve import curve_figure
from lit_invariance.results.outcomes import Outcomes
from lit_invariance.results.schema import (
    SIGNIFICANCE,
    ProtocolEntry,
    ResultsContent,
    Row,
    estimate,
    find_row,
    headline_scores,
    is_at_chance,
    is_different,
    is_labelled,
    samples,
    set_scores,
)

NAME = "report.html"
TEMPLATE = "report.html.j2"
CURVE = (7.2, 3.0)  # inches
SYMBOLS = "●■◆▼▲✚✖"  # as the markers of the plots


def save_page(results: ResultsContent, outcomes: Outcomes, folder: Path) -> Path:
    """Write the report of an evaluation.

    Args:
        results: The results.
        outcomes: Per-image outcomes.
        folder: The results folder, with the pictures that the results name; the page takes them into itself.

    Returns:
        `report.html` in the folder.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"singular": lambda plural: plural.removesuffix("s")}
    environment.filters |= {"number": _number, "percent": lambda value: f"{100 * value:.0f} %"}
    page = environment.get_template(TEMPLATE).render(_content(results, outcomes, folder))
    path = folder / NAME
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="backslashreplace")
    return path


def _content(results: ResultsContent, outcomes: Outcomes, folder: Path) -> dict[str, Any]:
    leading, draw = leading_protocol(results), Drawing()
    # Pairs of frames are all of one class.
    by_class = "samples" not in results and is_labelled(results)
    lines, classes = class_lines(results, outcomes, leading) if by_class else ([], 0)
    return {
        "results": results,
        "leading": leading,
        "models": _models(results),
        "overview": _overview(results),
        "stable": stability_protocols(results),
        "cost_note": how_measured(results),
        "tables": [_table(results, protocol) for protocol in results["protocols"]],
        "significance": number(SIGNIFICANCE)[:3],
        "meanings": {
            name: score.meaning for name, score in (ROW_SCORES | SET_SCORES).items() if name in results["scores"]
        },
        "tradeoffs": [
            draw(
                partial(tradeoff_panel, results, protocol),
                f"Accuracy against top-1 change under {protocol}; the numbers are those of the tables.",
            )
            for protocol in tradeoff_protocols(results)
        ],
        "labelled": is_labelled(results),
        "failures": [
            failure(results, outcomes, picture, folder, draw)
            for picture in results["pictures"]
            if all((folder / file).is_file() for file in picture["files"])
        ],
        "heat": heat_maps(results, outcomes, draw),
        "diagnostics": [
            {
                "title": section.title,
                "text": section.text,
                "figures": [draw(shown.draw, shown.description) for shown in section.figures],
            }
            for section in sections_of(results.get("diagnostics", {}))
        ],
        "curves": [
            draw(
                partial(curve_figure, curve, CURVE),
                f"Probability of the top classes of {curve['model']} at every frame of {curve['film']}.",
            )
            for curve in results.get("curves", [])
        ],
        "rows": samples(results),
        "drawn": results.get("resampled", samples(results)),
        "class_lines": lines,
        "classes": classes,
        "published": published_rows(results),
        "command": _command(results["command"]),
        "cautions": cautions(results) + delays(results),
        "group_rows": [row for row in results["group_rows"] if row["score"] in ("accuracy", STABILITY)],
    }


def _command(arguments: Sequence[str] | None) -> str:
    return "lit_invariance.evaluate" if arguments is None else shlex.join(["python", "evaluate.py", *arguments])


def _models(results: ResultsContent) -> list[dict[str, Any]]:
    return [
        {
            "name": model["name"],
            "entry": model,
            # The network's own black would not be seen at night.
            "colour": COLOURS[place % len(COLOURS)].replace("#000000", "currentColor"),
            "symbol": SYMBOLS[(place + place // len(COLOURS)) % len(SYMBOLS)],
            "sentence": summary_sentence(results, model["name"]),
            "preprocessing": describe(model),
            "run": how_run(model, results),
        }
        for place, model in enumerate(results["models"])
    ]


def _overview(results: ResultsContent) -> dict[str, Any]:
    """The comparison of all models over all protocols: accuracy, a score of stability each, and what a model costs."""
    protocols = [protocol["label"] for protocol in results["protocols"]]
    columns = [(protocol, "accuracy") for protocol in protocols[:1] if "accuracy" in headline_scores(results, protocol)]
    for protocol in results["protocols"]:
        scores = [score for score in headline_scores(results, protocol["label"]) if score != "accuracy"]
        if len(protocol["steps"]) > 1 and scores:
            columns.append((protocol["label"], STABILITY if STABILITY in scores else scores[0]))
    costs = [cost_cells(model) for model in results["models"]]
    measured = any(value is not None for line in costs for _, _, value in line[1:])
    return {
        "columns": columns,
        "cells": [
            [
                _cell(results, model["name"], *column) | {"at_chance": is_at_chance(results, model["name"], column[0])}
                for column in columns
            ]
            for model in results["models"]
        ],
        "cost_names": [name for name, _, _ in costs[0]] if measured else [],
        "costs": costs if measured else [[] for _ in costs],
    }


def _table(results: ResultsContent, protocol: ProtocolEntry) -> dict[str, Any]:
    label, name = protocol["label"], protocol["name"]
    scores = [*headline_scores(results, label), *set_scores(results, label)]
    summary = (inspect.getdoc(PROTOCOLS[name]) or "").partition("\n")[0] if name in PROTOCOLS else ""
    about = summary.partition(" T = ")[0]  # the page already shows the number of views
    return {
        "label": label,
        "about": about,
        "views": len(protocol["steps"]),
        "scores": scores,
        "at_chance": results.get("at_chance", {}).get(label, []),
        "cells": [[_cell(results, model["name"], label, score) for score in scores] for model in results["models"]],
    }


def _cell(results: ResultsContent, model: str, protocol: str, score: str) -> dict[str, Any]:
    row = find_row(results, model, protocol, score)
    known = estimate(row)
    return {
        "value": row["mean"],
        "text": "undefined" if known is None else number(known[0]),
        "interval": "" if known is None else f"[{number(known[1])}, {number(known[2])}]",
        "difference": _difference(row),
        "different": is_different(row),
        "p": _p_values(row),
    }


def _difference(row: Row) -> str:
    value, low, high = row["difference"], row["difference_low"], row["difference_high"]
    if value is None or low is None or high is None:
        return ""
    return f"{number(value, '+')} [{number(low, '+')}, {number(high, '+')}]"


def _p_values(row: Row) -> str:
    if row["p"] is None:
        return ""
    corrected = "" if row["p_holm"] is None else f", corrected {row['p_holm']:.2g}"
    return f"p = {row['p']:.2g}{corrected}"


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else number(value)
