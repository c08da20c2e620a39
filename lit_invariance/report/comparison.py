"""The tables of the page: all protocols side by side, and each protocol with all of its scores."""

import inspect
from typing import Any

from lit_invariance.protocols import PROTOCOLS
from lit_invariance.report.costs import cost_cells
from lit_invariance.report.steadiness import STABILITY, steadiness_score
from lit_invariance.report.table import ALWAYS_SHOWN, number
from lit_invariance.results.schema import (
    GroupRow,
    ProtocolEntry,
    ResultsContent,
    Row,
    estimate,
    find_row,
    headline_scores,
    is_at_chance,
    is_different,
    set_scores,
)


def overview(results: ResultsContent) -> dict[str, Any]:
    """Lay out the comparison of all models over all protocols: accuracy, a score of stability each, and costs."""
    protocols = [protocol["label"] for protocol in results["protocols"]]
    columns = [(protocol, "accuracy") for protocol in protocols[:1] if "accuracy" in headline_scores(results, protocol)]
    columns += [(label, score) for label in protocols if (score := steadiness_score(results, label)) is not None]
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


def about(protocol: ProtocolEntry) -> str:
    """Say in a sentence what a protocol shows; empty where it is none of ours, as of a film."""
    name = protocol["name"]
    summary = (inspect.getdoc(PROTOCOLS[name]) or "").partition("\n")[0] if name in PROTOCOLS else ""
    return summary.partition(" T = ")[0].replace("`", "")  # the page shows the number of views itself


def protocol_table(results: ResultsContent, protocol: ProtocolEntry) -> dict[str, Any]:
    """Lay out the scores of all models under one protocol."""
    label = protocol["label"]
    scores = [*headline_scores(results, label), *set_scores(results, label)]
    return {
        "label": label,
        "about": about(protocol),
        "views": len(protocol["steps"]),
        "scores": scores,
        "at_chance": results.get("at_chance", {}).get(label, []),
        "cells": [[_cell(results, model["name"], label, score) for score in scores] for model in results["models"]],
    }


def group_lines(results: ResultsContent) -> list[dict[str, Any]]:
    """Lay out accuracy and stability of the groups of runs, with their difference from the reference's group."""
    return [
        {**row, "told": _difference(row), "different": is_different(row)}
        for row in results["group_rows"]
        if row["score"] in (ALWAYS_SHOWN, STABILITY)
    ]


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
        "last": "accuracy" not in score and is_at_chance(results, model, protocol),
    }


def _difference(row: Row | GroupRow) -> tuple[str, str] | None:
    value, low, high = row.get("difference"), row.get("difference_low"), row.get("difference_high")
    if value is None or low is None or high is None:
        return None
    return number(value, "+"), f"[{number(low, '+')}, {number(high, '+')}]"


def _p_values(row: Row) -> str:
    if row["p"] is None:
        return ""
    corrected = "" if row["p_holm"] is None else f", corrected {row['p_holm']:.2g}"
    return f"p = {row['p']:.2g}{corrected}"
