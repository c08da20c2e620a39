"""Published numbers beside the measured ones, and whether the two may be compared."""

import math
from functools import cache
from importlib.resources import files
from typing import Any, TypedDict

import yaml

from lit_invariance.results.schema import ModelEntry, ResultsContent, estimate, find_row, scores_under

NORMAL = 1.959964


class PublishedRow(TypedDict):
    """A published number for one of the models under one of the protocols of a comparison.

    `half_width` is that of the published share's own 95 % interval, None where the score is no share or the source's
    number of images is unknown. `not_comparable_because` says why the two numbers cannot be compared, None where they
    can.
    """

    model: str
    protocol: str
    score: str
    measured: float | None
    low: float | None
    high: float | None
    published: float
    half_width: float | None
    source: str
    not_comparable_because: str | None


def published_rows(results: ResultsContent) -> list[PublishedRow]:
    """Find what was published for the models and protocols of a comparison.

    Args:
        results: The comparison.

    Returns:
        A row for each published number of a network, a protocol with the same options and a score.
    """
    rows = []
    for source in _sources():
        for row in source["rows"]:
            for protocol in results["protocols"]:
                same = (row["protocol"], row.get("options", {})) == (protocol["name"], protocol["options"])
                measured = row["score"] in scores_under(results, protocol["label"])
                for model in results["models"] if same and measured else []:
                    if (architecture := model["backbone"].rpartition("/")[2]) in row["values"]:
                        value = row["values"][architecture]
                        rows.append(_row(results, model, protocol["label"], row["score"], value, source))
    return rows


def format_published(results: ResultsContent) -> str:
    """Lay measured and published numbers out as the paper's Table 1 does: a line a test, a column a network.

    Args:
        results: The comparison.

    Returns:
        One table for each source that knows one of the networks, or an empty text.
    """
    rows = published_rows(results)
    return "\n\n".join(
        _source_table([row for row in rows if row["source"] == source])
        for source in dict.fromkeys(row["source"] for row in rows)
    )


def _source_table(rows: list[PublishedRow]) -> str:
    models = list(dict.fromkeys(row["model"] for row in rows))
    tests = list(dict.fromkeys((row["score"], row["protocol"]) for row in rows))
    cells = {(row["score"], row["protocol"], row["model"]): _cell(row) for row in rows}
    lines = [["", *models]]
    lines += [
        [f"{score}, {protocol}", *(cells.get((score, protocol, m), "") for m in models)] for score, protocol in tests
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [f"{rows[0]['source']}: measured (published)"]
    text += ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    reasons = dict.fromkeys(row["not_comparable_because"] for row in rows if row["not_comparable_because"])
    return "\n".join([*text, *(f"not comparable: {not_comparable_because}" for not_comparable_because in reasons)])


def _cell(row: PublishedRow) -> str:
    measured = "undefined" if row["measured"] is None else f"{row['measured']:.3f}"
    half = "" if row["half_width"] is None else f" +- {row['half_width']:.3f}"
    return f"{measured} ({row['published']:.3f}{half})"


def _row(
    results: ResultsContent, model: ModelEntry, protocol: str, score: str, value: float, source: dict[str, Any]
) -> PublishedRow:
    measured, low, high = estimate(find_row(results, model["name"], protocol, score)) or (None, None, None)
    is_share = results["scores"][score]["unit"] == "share"
    return {
        "model": model["name"],
        "protocol": protocol,
        "score": score,
        "measured": measured,
        "low": low,
        "high": high,
        "published": value,
        "half_width": NORMAL * math.sqrt(value * (1 - value) / source["images"]) if is_share else None,
        "source": source["source"],
        "not_comparable_because": _not_comparable_because(results, model, source),
    }


def _not_comparable_because(results: ResultsContent, model: ModelEntry, source: dict[str, Any]) -> str | None:
    reasons = []
    if not results["data"].get("imagenet_validation"):
        reasons.append("the pictures are not the ILSVRC2012 validation set")
    if model["weights"] != source["weights"]:
        reasons.append(f"{model['name']} does not have the weights of the source ({source['weights']})")
    if model["mitigations"]:
        reasons.append(f"{model['name']} is mitigated")
    return "; ".join(reasons) or None


@cache
def _sources() -> list[dict[str, Any]]:
    text = files("lit_invariance.report").joinpath("published.yaml").read_text(encoding="utf-8")
    sources: list[dict[str, Any]] = yaml.safe_load(text)
    return sources
