"""Bounds on scores, and which of them the results of an evaluation keep."""

from dataclasses import dataclass

from lit_invariance.report.table import number
from lit_invariance.results.schema import ResultsContent, estimate, is_at_chance


@dataclass(frozen=True)
class Bound:
    """A limit for one score of every model.

    Attributes:
        protocol: Name or label of a protocol; a name means every evaluated protocol of that name.
        score: Name of a score.
        limit: The value that is still allowed.
        above: Whether values above the limit break it; otherwise those below.
    """

    protocol: str
    score: str
    limit: float
    above: bool

    def __str__(self) -> str:
        return f"{self.protocol}.{self.score} {'<=' if self.above else '>='} {self.limit:g}"


@dataclass(frozen=True)
class Verdict:
    """Whether a model keeps a bound.

    Attributes:
        bound: The bound.
        model: Name of the model.
        protocol: Label of the protocol.
        sentence: What was measured, and how it compares with the limit.
        broken: Whether the bound is broken.
    """

    bound: Bound
    model: str
    protocol: str
    sentence: str
    broken: bool


def judge(results: ResultsContent, bounds: list[Bound], strict: bool) -> list[Verdict]:
    """Compare every model with every bound.

    A score that is defined for no image breaks its bound, because nothing shows that it is kept.

    Args:
        results: The results.
        bounds: The bounds.
        strict: Whether the whole interval must keep a bound; otherwise the mean must.

    Returns:
        For each bound the models in their order, under each protocol that it means.
    """
    return [
        _judged(results, bound, entry["label"], model["name"], strict)
        for bound in bounds
        for entry in results["protocols"]
        if bound.protocol in (entry["label"], entry["name"])
        for model in results["models"]
    ]


def _judged(results: ResultsContent, bound: Bound, protocol: str, model: str, strict: bool) -> Verdict:
    rows = (row for row in results["rows"] if (row["model"], row["protocol"]) == (model, protocol))
    row = next((row for row in rows if row["score"] == bound.score), None)
    known = None if row is None else estimate(row)
    # A steady answer at chance keeps every bound on stability.
    mark = " (at chance)" if is_at_chance(results, model, protocol) else ""
    what = f"{protocol}.{bound.score} of {model}{mark} is"
    if known is None:
        return Verdict(bound, model, protocol, f"{what} undefined", broken=True)
    value, low, high = known
    judged = (high if bound.above else low) if strict else value
    broken = judged > bound.limit if bound.above else judged < bound.limit
    side = "above" if bound.above else "below"
    reaches = f"its interval reaches {side}" if strict else side
    measured = f"{what} {number(value)} [{number(low)}, {number(high)}]"
    return Verdict(
        bound, model, protocol, f"{measured}, {reaches if broken else 'within'} the bound {bound.limit:g}", broken
    )
