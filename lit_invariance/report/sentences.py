"""The outcome in a sentence or two for each model."""

from lit_invariance.report.plots import STABILITY, stability_protocols
from lit_invariance.results.schema import (
    ResultsContent,
    Row,
    estimate,
    find_row,
    is_at_chance,
    is_different,
    scores_under,
)

AT_CHANCE = "not shown to be more accurate than always giving the most common answer"


def leading_protocol(results: ResultsContent) -> str:
    """Return the protocol that summaries speak of: the first with neighbouring views, else the first."""
    return (stability_protocols(results) or [results["protocols"][0]["label"]])[0]


def summary_sentence(results: ResultsContent, model: str) -> str:
    """Say how accurate and stable a model is, and which differences from the reference are significant.

    Args:
        results: The results.
        model: Its name.
    """
    protocol = leading_protocol(results)
    chance = [name for name in (model, results["reference"]) if is_at_chance(results, name, protocol)]
    known = scores_under(results, protocol)
    parts, differences = [], []
    if "accuracy" in known:
        accuracy = find_row(results, model, protocol, "accuracy")
        parts.append(f"is right on {_percent(accuracy)} of the views of {protocol}")
        differences.append(_compared("accuracy", accuracy, "more accurate", "less accurate"))
    if STABILITY in known:
        change = find_row(results, model, protocol, STABILITY)
        where = "" if parts else f" of {protocol}"
        parts.append(f"changes its answer from one view to the next in {_percent(change)} of the cases{where}")
        steadiness = _compared("steadiness", change, "less steady", "steadier")
        if chance:
            steadiness = f"not comparable in steadiness because {chance[0]} is at chance"
        differences.insert(0, steadiness)
    sentence = " and ".join(parts) + "."
    if model in chance:
        sentence += f" It is at chance, {AT_CHANCE}: its stability is meaningless."
    if model == results["reference"]:
        return sentence
    return " ".join(
        [sentence, f"Compared with {results['reference']} it is", "; ".join(differences) + ".", *_count(results, model)]
    )


def _compared(what: str, row: Row, above: str, below: str) -> str:
    value, low, high = row["difference"], row["difference_low"], row["difference_high"]
    if value is None or low is None or high is None:
        return f"not comparable in {what}"
    if not is_different(row):
        return f"not shown to differ in {what} ({_points(value, low, high)}{_p(row)})"
    return f"{above if value > 0 else below} ({_points(value, low, high)}{_p(row)})"


def _count(results: ResultsContent, model: str) -> list[str]:
    protocols = stability_protocols(results)
    if len(protocols) < 2:
        return []
    judged = [label for label in protocols if not _chance(results, model, label)]
    rows = [find_row(results, model, protocol, STABILITY) for protocol in judged]
    steadier = sum(is_different(row) and (row["difference"] or 0) < 0 for row in rows)
    less = sum(is_different(row) and (row["difference"] or 0) > 0 for row in rows)
    left_out = len(protocols) - len(judged)
    rest = f"; under {left_out} it or {results['reference']} is at chance" if left_out else ""
    if not steadier and not less:
        return [f"No difference in steadiness is shown under any of {len(protocols)} protocols{rest}."]
    told = f"steadier under {steadier} and less steady under {less} of {len(protocols)} protocols"
    return [f"It is shown to be {told}{rest}."]


def _chance(results: ResultsContent, model: str, protocol: str) -> bool:
    return any(is_at_chance(results, name, protocol) for name in (model, results["reference"]))


def _percent(row: Row) -> str:
    known = estimate(row)
    return (
        "an undefined share"
        if known is None
        else f"{100 * known[0]:.1f} % [{100 * known[1]:.1f}, {100 * known[2]:.1f}]"
    )


def _points(value: float, low: float, high: float) -> str:
    return f"{100 * value:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]"


def _p(row: Row) -> str:
    corrected = row["p_holm"] is not None
    p = row["p_holm"] if corrected else row["p"]
    if p is None:
        return ""
    value = "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)
    return f", {'corrected' if corrected else 'uncorrected'} {value}"
