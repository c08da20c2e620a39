"""Better, worse or not shown: every model against the reference under every protocol, and what each model costs."""

from collections.abc import Sequence
from typing import Any

from lit_invariance.report.costs import cost_cells
from lit_invariance.report.steadiness import steadiness_score
from lit_invariance.report.table import ALWAYS_SHOWN, number
from lit_invariance.results.schema import (
    ModelEntry,
    ResultsContent,
    Row,
    estimate,
    find_row,
    headline_scores,
    is_at_chance,
    is_different,
)

WORDS = {"better": "▲ better", "worse": "▼ worse", "open": "not shown", "chance": "at chance", "undefined": "undefined"}
NEARLY = 0.05
SHOWN_COSTS = ("passes", "latency", "peak memory", "delay")


def verdicts(results: ResultsContent) -> list[dict[str, Any]]:
    """Lay out the verdicts: a part for accuracy, one for steadiness and one for costs, a line a protocol or cost.

    A model whose accuracy is not shown to exceed chance has no steadiness that could be compared, and none can be
    compared with that of such a reference.

    Args:
        results: The results.

    Returns:
        Parts with `title` and `lines`; a line has a `label`, a `score`, and a cell for each model with a `kind` (a key
        of `WORDS`, empty for the reference and for costs), the `text` and its `detail`.
    """
    labels = [entry["label"] for entry in results["protocols"]]
    right = [(label, ALWAYS_SHOWN) for label in labels if ALWAYS_SHOWN in headline_scores(results, label)]
    steady = [(label, score) for label in labels if (score := steadiness_score(results, label)) is not None]
    parts = [
        {"title": "accuracy", "lines": [_line(results, *cell) for cell in right]},
        {"title": "steadiness", "lines": [_line(results, *cell) for cell in steady]},
        {"title": "cost of one view", "lines": _costs(results["models"], results["reference"])},
    ]
    return [part for part in parts if part["lines"]]


def verdict(results: ResultsContent, model: str, protocol: str, score: str) -> str:
    """Judge one score of a model against the reference's.

    Args:
        results: The results.
        model: Its name, not the reference's.
        protocol: Label of the protocol.
        score: Name of the score.

    Returns:
        A key of `WORDS`.
    """
    row = find_row(results, model, protocol, score)
    chance = any(is_at_chance(results, name, protocol) for name in (model, results["reference"]))
    if chance and score != ALWAYS_SHOWN:
        return "chance"
    if row["difference"] is None:
        return "undefined"
    if not is_different(row):
        return "open"
    return "better" if (row["difference"] > 0) is results["scores"][score]["higher_is_better"] else "worse"


def _line(results: ResultsContent, protocol: str, score: str) -> dict[str, Any]:
    return {
        "label": protocol,
        "score": score,
        "cells": [_cell(results, model["name"], protocol, score) for model in results["models"]],
    }


def _cell(results: ResultsContent, model: str, protocol: str, score: str) -> dict[str, str]:
    row = find_row(results, model, protocol, score)
    if model == results["reference"]:
        known = estimate(row)
        chance = score != ALWAYS_SHOWN and is_at_chance(results, model, protocol)
        text = "undefined" if known is None else number(known[0])
        detail = "" if known is None else f"[{number(known[1])}, {number(known[2])}]"
        return {"kind": "chance" if chance else "", "text": text, "detail": detail}
    kind = verdict(results, model, protocol, score)
    return {"kind": kind, "text": WORDS[kind], "detail": _difference(row) if kind != "chance" else ""}


def _difference(row: Row) -> str:
    value, low, high = row["difference"], row["difference_low"], row["difference_high"]
    if value is None or low is None or high is None:
        return ""
    return f"{number(value, '+')} [{number(low, '+')}, {number(high, '+')}]"


def _costs(models: Sequence[ModelEntry], reference: str) -> list[dict[str, Any]]:
    """Passes, latency, memory, and by how many frames answers are late; each model's times the reference's."""
    first = next(number for number, model in enumerate(models) if model["name"] == reference)
    columns = [
        [("passes", str(model["passes"]), float(model["passes"])), *cost_cells(model), _delay(model)]
        for model in models
    ]
    lines = []
    for row in zip(*columns, strict=True):
        if row[0][0] not in SHOWN_COSTS or all(value is None for _, _, value in row):
            continue
        base = row[first][2]
        cells = [
            {"kind": "", "text": text, "detail": _times(value, base) if place != first else ""}
            for place, (_, text, value) in enumerate(row)
        ]
        lines.append({"label": row[0][0], "score": "", "cells": cells})
    return lines


def _passes(model: ModelEntry) -> tuple[str, str, float | None]:
    return "passes", str(model["passes"]), float(model["passes"])


def _delay(model: ModelEntry) -> tuple[str, str, float | None]:
    """How late a model answers, whose answers to a film are averaged over time."""
    late = model.get("delay")
    return ("delay", "none" if late is None else f"{late:g} frames", late)


def _times(value: float | None, base: float | None) -> str:
    """How many times the reference's; empty within a twentieth, by which measured times vary anyway."""
    ratio = value / base if value is not None and base else 1.0
    return f"x {ratio:.2g}" if abs(ratio - 1) > NEARLY else ""
