"""The report: one HTML page that needs no network and no other file."""

import base64
import hashlib
import math
import shlex
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from lit_invariance.diagnostics.run import sections_of
from lit_invariance.files import replacing
from lit_invariance.metrics import ROW_SCORES, SET_SCORES
from lit_invariance.plotting import COLOURS
from lit_invariance.report.classes import class_lines
from lit_invariance.report.comparison import about, group_lines, overview, protocol_table
from lit_invariance.report.costs import delays, how_measured
from lit_invariance.report.executors import how_run
from lit_invariance.report.explorer import explored
from lit_invariance.report.failures import failure, heat_maps
from lit_invariance.report.inline import Drawing
from lit_invariance.report.plots import tradeoff_panel, tradeoff_protocols
from lit_invariance.report.preprocessing import cautions, describe
from lit_invariance.report.published import published_rows
from lit_invariance.report.sentences import chance_protocols, headline, in_numbers
from lit_invariance.report.series import all_series, series_figure, spread_sentence
from lit_invariance.report.sheets import sheets_style
from lit_invariance.report.steadiness import STABILITY, leading_protocol, stability_protocols
from lit_invariance.report.table import number
from lit_invariance.report.verdicts import verdicts
from lit_invariance.report.video_curve import curve_figure
from lit_invariance.results.outcomes import Outcomes
from lit_invariance.results.schema import (
    SIGNIFICANCE,
    ResultsContent,
    is_labelled,
    samples,
)

NAME = "report.html"
SCRIPTS = ("tables.js", "explorer.js")
TEMPLATES = Path(__file__).parent / "templates"
CURVE = (7.2, 3.0)  # inches
FEW_IMAGES = 5  # of a class, below which the table of classes is folded
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
    page = _environment().get_template("report.html.j2").render(_content(results, outcomes, folder))
    path = folder / NAME
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="backslashreplace")
    return path


@cache
def _environment() -> Environment:
    """Return what fills templates, which it compiles once in a process."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"singular": lambda plural: plural.removesuffix("s"), "breakable": _breakable}
    environment.filters |= {"lower_first": lambda text: text[:1].lower() + text[1:]}
    environment.filters |= {"number": _number, "percent": lambda value: f"{100 * value:.0f} %"}
    return environment


def _content(results: ResultsContent, outcomes: Outcomes, folder: Path) -> dict[str, Any]:
    leading, draw = leading_protocol(results), Drawing()
    # Pairs of frames are all of one class.
    by_class = "samples" not in results and is_labelled(results)
    pictures = results["pictures"]
    kept = [(folder / picture["file"]).is_file() for picture in pictures]
    script = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS)
    lines, classes = class_lines(results, outcomes, leading) if by_class else ([], 0)
    return {
        "style": Markup((TEMPLATES / "report.css").read_text(encoding="utf-8") + sheets_style(pictures, folder)),
        "script": Markup(script),
        "script_digest": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "results": results,
        "leading": leading,
        "leading_about": next(about(entry) for entry in results["protocols"] if entry["label"] == leading),
        "stability": STABILITY,
        "models": _models(results),
        "verdicts": verdicts(results),
        "overview": overview(results),
        "stable": stability_protocols(results),
        "cost_note": how_measured(results),
        "tables": [
            protocol_table(results, protocol) | {"figures": _figures(results, protocol["label"], draw)}
            for protocol in results["protocols"]
        ],
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
            failure(results, outcomes, picture, draw) | {"kept": there}
            for picture, there in zip(pictures, kept, strict=True)
        ],
        "explored": [
            explored(results, outcomes, picture, there) for picture, there in zip(pictures, kept, strict=True)
        ],
        "heat": heat_maps(results, outcomes, draw),
        "diagnostics": [
            {
                "title": section.title,
                "text": section.text,
                "figures": [
                    {"drawn": draw(shown.draw, shown.description), "caption": shown.caption}
                    for shown in section.figures
                ],
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
        "few_images": FEW_IMAGES,
        "published": published_rows(results),
        "command": _command(results["command"]),
        "cautions": cautions(results) + delays(results),
        "group_rows": group_lines(results),
    }


def _command(arguments: Sequence[str] | None) -> str:
    return "lit_invariance.evaluate" if arguments is None else shlex.join(["python", "evaluate.py", *arguments])


def _figures(results: ResultsContent, protocol: str, draw: Drawing) -> list[dict[str, Any]]:
    return [
        {
            "drawn": draw(partial(series_figure, results, series), f"{series.measure} under {protocol}, by model."),
            "notes": [spread_sentence(entry) for entry in series.models if "spread" in entry],
        }
        for series in all_series(results, protocol)
    ]


def _models(results: ResultsContent) -> list[dict[str, Any]]:
    return [
        {
            "name": model["name"],
            "entry": model,
            # The network's own black would not be seen at night.
            "colour": COLOURS[place % len(COLOURS)].replace("#000000", "currentColor"),
            "symbol": SYMBOLS[(place + place // len(COLOURS)) % len(SYMBOLS)],
            "headline": headline(results, model["name"]),
            "in_numbers": in_numbers(results, model["name"]),
            "chance": chance_protocols(results, model["name"]),
            "preprocessing": describe(model),
            "run": how_run(model, results),
        }
        for place, model in enumerate(results["models"])
    ]


def _breakable(name: str) -> Markup:
    """Let a long name be broken after its underscores."""
    return Markup(escape(name).replace("_", Markup("_<wbr>")))


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else number(value)
