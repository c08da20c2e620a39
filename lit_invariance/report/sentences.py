"""The outcome for each model: a headline in plain words, and the comparison with the reference in numbers."""

from lit_invariance.report.steadiness import STABILITY, leading_protocol, stability_protocols
from lit_invariance.report.verdicts import verdict
from lit_invariance.results.schema import (
    ResultsContent,
    Row,
    estimate,
    find_row,
    is_at_chance,
    is_different,
    samples,
    scores_under,
)

RARE = 0.03  # below it, of a thousand
AT_CHANCE = (
    "At chance: not shown to be more accurate than always giving the most common answer, so that how steady it is says "
    "nothing"
)
WORDS = {
    "steadiness": {"better": "steadier than {0}", "worse": "less steady than {0}"},
    "accuracy": {"better": "more accurate than {0}", "worse": "less accurate than {0}"},
}


def headline(results: ResultsContent, model: str) -> str:
    """Say in one sentence how steady and accurate a model is, and how it compares with the reference.

    Numbers are of a hundred or a thousand, with their interval in brackets. A model at chance is not praised.

    Args:
        results: The results.
        model: Its name.
    """
    protocol = leading_protocol(results)
    known = scores_under(results, protocol)
    right = f"right on {_of(find_row(results, model, protocol, 'accuracy'), 'views')}" if "accuracy" in known else ""
    if STABILITY in known and is_at_chance(results, model, protocol):
        return f"{AT_CHANCE}; it is {right}."
    parts = []
    if STABILITY in known:
        step = "frame" if samples(results) != "images" else "view"
        changes = _of(find_row(results, model, protocol, STABILITY), "answers")
        parts.append(f"changes {changes} from one {step} to the next")
    parts += [f"is {right}"] * bool(right)
    told = " and ".join(parts)
    compared = _compared(results, model, protocol) if model != results["reference"] else ""
    return f"{told[:1].upper()}{told[1:]}{compared}."


def in_numbers(results: ResultsContent, model: str) -> str:
    """Give the differences from the reference with interval and p-value, and count the protocols.

    Args:
        results: The results.
        model: Its name.

    Returns:
        A sentence or two; empty for the reference.
    """
    if model == results["reference"]:
        return ""
    protocol, known = leading_protocol(results), scores_under(results, leading_protocol(results))
    words = {STABILITY: "changed answers", "accuracy": "accuracy"}
    parts = []
    for score, what in words.items():
        if score in known and (score == "accuracy" or not _chance(results, model, protocol)):
            parts.append(_difference(what, find_row(results, model, protocol, score)))
    told = f"Against {results['reference']}: {'; '.join(parts)}." if parts else ""
    return " ".join(filter(None, [told, _count(results, model)]))


def chance_protocols(results: ResultsContent, model: str) -> list[str]:
    """Return the labels of the protocols under which a model is at chance."""
    return [entry["label"] for entry in results["protocols"] if is_at_chance(results, model, entry["label"])]


def _compared(results: ResultsContent, model: str, protocol: str) -> str:
    """The verdicts in words; what is not shown is said last, so that nobody takes it for equality."""
    reference, known = results["reference"], scores_under(results, protocol)
    told: list[str] = []
    unshown: list[str] = []
    for what, score in (("steadiness", STABILITY), ("accuracy", "accuracy")):
        kind = verdict(results, model, protocol, score) if score in known else ""
        if kind == "chance":
            told.append(f"its steadiness cannot be compared, because {reference} is at chance")
        elif kind == "open":
            unshown.append(what)
        elif kind in WORDS[what]:
            told.append(WORDS[what][kind].format(reference))
    rest = f"no difference from {reference} is shown in {' or in '.join(unshown)}" if unshown else ""
    parts = " and ".join(told) + (", " if told and rest else "") + rest
    return f": {parts}" if parts else ""


def _of(row: Row, what: str) -> str:
    """Write a share as so many of a hundred, with its interval, such as `8 of 100 views (6 to 11)`."""
    known = estimate(row)
    if known is None:
        return f"an unknown share of the {what}"
    whole = 1000 if known[0] < RARE else 100
    value, low, high = (round(whole * share) for share in known)
    return f"{value} of {whole} {what} ({low} to {high})"


def _difference(what: str, row: Row) -> str:
    value, low, high = row["difference"], row["difference_low"], row["difference_high"]
    if value is None or low is None or high is None:
        return f"{what} not comparable"
    return f"{what} {_points(value, low, high)}{_p(row)}"


def _count(results: ResultsContent, model: str) -> str:
    protocols = stability_protocols(results)
    if len(protocols) < 2:
        return ""
    judged = [label for label in protocols if not _chance(results, model, label)]
    rows = [find_row(results, model, protocol, STABILITY) for protocol in judged]
    steadier = sum(is_different(row) and (row["difference"] or 0) < 0 for row in rows)
    less = sum(is_different(row) and (row["difference"] or 0) > 0 for row in rows)
    left_out = len(protocols) - len(judged)
    rest = f"; under {left_out} it or {results['reference']} is at chance" if left_out else ""
    if not steadier and not less:
        return f"No difference in steadiness is shown under any of {len(protocols)} protocols{rest}."
    told = f"steadier under {steadier} and less steady under {less} of {len(protocols)} protocols"
    return f"It is shown to be {told}{rest}."


def _chance(results: ResultsContent, model: str, protocol: str) -> bool:
    return any(is_at_chance(results, name, protocol) for name in (model, results["reference"]))


def _points(value: float, low: float, high: float) -> str:
    return f"{100 * value:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]"


def _p(row: Row) -> str:
    corrected = row["p_holm"] is not None
    p = row["p_holm"] if corrected else row["p"]
    if p is None:
        return ""
    value = "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)
    return f", {'corrected' if corrected else 'uncorrected'} {value}"
