"""All protocols at a glance: accuracy and stability of every model, before the tables with intervals."""

from lit_invariance.names import shortened
from lit_invariance.report.steadiness import steadiness_score
from lit_invariance.report.table import ALWAYS_SHOWN, GAP, LONGEST_NAME, WIDTH, number
from lit_invariance.results.schema import (
    ResultsContent,
    estimate,
    find_row,
    headline_scores,
    is_at_chance,
    is_different,
)


def format_overview(results: ResultsContent, width: int = WIDTH) -> str:
    """Lay out a line for each protocol, with accuracy and the stability score of each model.

    Args:
        results: The results.
        width: Columns of the terminal; models that do not fit are put below.

    Returns:
        Text of many lines; empty where there is one protocol, whose own table says the same.
    """
    if len(results["protocols"]) < 2:
        return ""
    shown = {entry["label"]: steadiness_score(results, entry["label"]) for entry in results["protocols"]}
    first = [
        ["protocol", *(shortened(label, LONGEST_NAME) for label in shown)],
        ["stability", *(score or "-" for score in shown.values())],
    ]
    models = [_column(results, model["name"], shown) for model in results["models"]]
    starred = "; * differs from the reference" if len(models) > 1 else ""
    heading = f"overview: accuracy and stability of each model (intervals follow){starred}"
    lines = [heading]
    for block in _blocks(models, width - sum(_wide(column) for column in first)):
        columns = [*first, *block]
        widths = [max(map(len, column)) for column in columns]
        lines += [GAP.join(map(str.ljust, row, widths)).rstrip() for row in zip(*columns, strict=True)]
    if any(results.get("at_chance", {}).values()):
        lines.append("(in brackets: at chance, where the stability of a model is meaningless)")
    return "\n".join(lines)


def _column(results: ResultsContent, model: str, shown: dict[str, str | None]) -> list[str]:
    mark = " (reference)" if model == results["reference"] and len(results["models"]) > 1 else ""
    accuracy = [_cell(results, model, protocol, ALWAYS_SHOWN) for protocol in shown]
    stability = ["" if score is None else _cell(results, model, protocol, score) for protocol, score in shown.items()]
    for row, protocol in enumerate(shown):
        if stability[row] and is_at_chance(results, model, protocol):
            stability[row] = f"({stability[row]})"
    wide = max(map(len, accuracy))
    rows = [f"{left:<{wide}} {right}".rstrip() for left, right in zip(accuracy, stability, strict=True)]
    return [shortened(model, LONGEST_NAME - len(mark)) + mark, *rows]


def _cell(results: ResultsContent, model: str, protocol: str, score: str) -> str:
    if score not in headline_scores(results, protocol):
        return "-"
    row = find_row(results, model, protocol, score)
    known = estimate(row)
    return "-" if known is None else number(known[0]) + "*" * is_different(row)


def _blocks(columns: list[list[str]], room: int) -> list[list[list[str]]]:
    blocks: list[list[list[str]]] = [[]]
    for column in columns:
        if blocks[-1] and sum(map(_wide, [*blocks[-1], column])) > room:
            blocks.append([])
        blocks[-1].append(column)
    return blocks


def _wide(column: list[str]) -> int:
    return max(map(len, column)) + len(GAP)
