"""The comparison as text: for each protocol a table of models x scores with intervals and differences."""

import textwrap

from lit_invariance.names import printable, shortened
from lit_invariance.report.costs import delays
from lit_invariance.report.preprocessing import cautions, describe
from lit_invariance.results.schema import (
    SIGNIFICANCE,
    GroupRow,
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

WIDTH = 120
LONGEST_NAME = 28
GAP = "  "
ALWAYS_SHOWN = "accuracy"
OWN_IMAGES = "top1_change_given_correct"
WITHOUT_LABELS = (
    "the pictures have no labels: accuracy is not measured, and a model that always gave one answer would look "
    "perfectly steady"
)


def format_tables(results: ResultsContent, width: int = WIDTH) -> str:
    """Lay the results out for a terminal.

    Every table shows accuracy where the classes are known, because a classifier that always gives the same answer is
    perfectly stable.

    Args:
        results: The results.
        width: Columns of the terminal; tables that are wider are broken into several.

    Returns:
        Text of many lines, without a final newline.
    """
    tables = [_protocol_tables(results, protocol, width) for protocol in results["protocols"]]
    legend = [textwrap.fill(printable(line), width) for line in _legend(results)]
    return "\n\n".join([*tables, "\n".join(legend)])


def _protocol_tables(results: ResultsContent, protocol: ProtocolEntry, width: int) -> str:
    label, views = protocol["label"], len(protocol["steps"])
    title = f"{label}: {views} view{'s' * (views > 1)} of each of {results['images']} {samples(results)}"
    columns = {score: _column(results, label, score) for score in headline_scores(results, label)}
    lines = [title]
    longest = LONGEST_NAME + len(", at chance") * any(
        is_at_chance(results, model["name"], label) for model in results["models"]
    )
    for scores in _blocks(columns, width - longest):
        names = _names(results, label, longest)
        rows = zip(names, *(columns[score] for score in scores), strict=True)
        filled = [row for row in rows if any(row[1:])]
        widths = [max(len(cell) for cell in cells) for cells in zip(*filled, strict=True)]
        lines += [GAP.join(map(str.ljust, row, widths)).rstrip() for row in filled]
    lines += [_of_set(results, label, score, longest, width) for score in set_scores(results, label)]
    return "\n".join(lines)


def _of_set(results: ResultsContent, protocol: str, score: str, longest: int, width: int) -> str:
    """A score of the set as a line below the table: what it would have in a column, from top to bottom."""
    names, cells = _names(results, protocol, longest), _column(results, protocol, score)
    told = [f"{name.strip()} {cell}" for name, cell in zip(names[1:], cells[1:], strict=True) if cell]
    line = f"{score} ({results['scores'][score]['unit']}): {'; '.join(told)}"
    # An interval is not broken.
    return textwrap.fill(line.replace(", ", ",\0"), width, subsequent_indent=GAP).replace("\0", " ")


def _blocks(columns: dict[str, list[str]], room: int) -> list[list[str]]:
    """Share the scores out over tables that fit, accuracy being the first column of each."""
    first = [score for score in columns if score == ALWAYS_SHOWN]
    blocks, block = [], list(first)
    for score in columns:
        if score in first:
            continue
        wider = sum(len(GAP) + max(map(len, columns[other])) for other in [*block, score])
        if wider > room and len(block) > len(first):
            blocks.append(block)
            block = list(first)
        block.append(score)
    return [*blocks, block]


def _names(results: ResultsContent, protocol: str, longest: int) -> list[str]:
    """First column: a heading, two lines for each model, one for each group of runs."""
    names = [""]
    for model in results["models"]:
        marks = ["reference"] * (model["name"] == results["reference"])
        marks += ["at chance"] * is_at_chance(results, model["name"], protocol)
        mark = f" ({', '.join(marks)})" if marks else ""
        names += [shortened(model["name"], longest - len(mark)) + mark, "  difference"]
    for group in results["groups"]:
        seeds = f" ({len(group['members'])} seeds)"
        names += [shortened(group["name"], longest - len(seeds)) + seeds, "  difference"]
    return names


def _column(results: ResultsContent, protocol: str, score: str) -> list[str]:
    cells = [score]
    for model in results["models"]:
        row = find_row(results, model["name"], protocol, score)
        cells += [_estimate(row), _difference(row)]
    rows = {row["group"]: row for row in results["group_rows"] if (row["protocol"], row["score"]) == (protocol, score)}
    for group in results["groups"]:
        cells += [_over_seeds(rows[group["name"]]), _difference(rows[group["name"]])]
    return cells


def _over_seeds(row: GroupRow) -> str:
    deviation = row["seed_deviation"]
    return _estimate(row) + ("" if deviation is None else f" ±{number(deviation)}")


def _estimate(row: Row | GroupRow) -> str:
    known = estimate(row)
    if known is None:
        return "undefined"
    value, low, high = map(number, known)
    return f"{value} [{low}, {high}]"


def _difference(row: Row | GroupRow) -> str:
    value, low, high = row.get("difference"), row.get("difference_low"), row.get("difference_high")
    if value is None or low is None or high is None:
        return ""
    return f"{number(value, '+')} [{number(low, '+')}, {number(high, '+')}]{'*' * is_different(row)}"


def number(value: float, sign: str = "-") -> str:
    """Write a number with three decimals and without the zero before the point.

    Args:
        value: The number.
        sign: `"-"` marks negative numbers only, `"+"` positive ones too.

    Example:
        >>> number(0.0625), number(-0.5), number(0.25, "+"), number(-0.0001, "+")
        ('.062', '-.500', '+.250', '.000')
    """
    text = f"{value:{sign}.3f}"
    if float(text) == 0:
        return ".000"
    return text.replace("0.", ".", 1) if abs(value) < 1 and "0." in text else text


def _legend(results: ResultsContent) -> list[str]:
    better = []
    labels = [entry["label"] for entry in results["protocols"]]
    listed = (*(headline_scores(results, label) for label in labels), *(set_scores(results, label) for label in labels))
    shown = list(dict.fromkeys(score for scores in listed for score in scores))
    for words, direction in (("higher", True), ("lower", False)):
        scores = [score for score in shown if results["scores"][score]["higher_is_better"] is direction]
        better += [f"{words} is better: {', '.join(scores)}"] * bool(scores)
    what = samples(results)
    drawn = results.get("resampled", what)
    exact = f"; of {', '.join(results['clopper_pearson'])}: Clopper-Pearson" if "clopper_pearson" in results else ""
    lines = [f"mean over {what} [{results['level']:.0%} interval, bootstrap over {drawn}{exact}]", "; ".join(better)]
    lines += [f"{model['name']}: {describe(model)}" for model in results["models"]] * bool(cautions(results))
    lines += cautions(results)
    if results.get("draws", 1) > 1:
        lines.append(f"scores of {what} are means over {results['draws']} draws of their geometry")
    costly = [f"{model['name']} takes {model['passes']}" for model in results["models"] if model.get("passes", 1) > 1]
    lines += [f"forward passes for one view: {', '.join(costly)}"] * bool(costly)
    lines += delays(results)
    if len(results["models"]) > 1:
        lines.append(
            f"difference from {results['reference']}, on the same {what} [{results['level']:.0%} interval of this "
            f"comparison alone]; * p < {number(SIGNIFICANCE)[:3]} in a paired test, corrected for all comparisons "
            "shown (Holm)"
        )
        if OWN_IMAGES in shown:
            lines.append(f"{OWN_IMAGES} is a mean over the {what} that a model gets right, which differ between models")
    if not is_labelled(results):
        lines.append(WITHOUT_LABELS)
    if any(results.get("at_chance", {}).values()):
        lines.append(
            "at chance: not shown to be more accurate than always giving the most common answer; the stability of "
            "such a model is meaningless"
        )
    if results["groups"]:
        lines.append("over seeds: mean of the runs [interval over images], ± standard deviation of the runs' means")
        if any(row.get("difference") is not None for row in results["group_rows"]):
            lines.append(
                f"difference over seeds: from the group of {results['reference']}, between runs of one seed [interval "
                "over images and trainings]; * p < .05, corrected for all comparisons of groups shown"
            )
    return lines
