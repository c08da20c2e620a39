"""The choice among candidates: accuracy first, then steadiness, and the plain network where nothing helps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lit_invariance.fixing.standings import Standing

POINT, ENOUGH = 0.01, 0.5
AT_CHANCE = "no more accurate than always giving the most common answer"


@dataclass(frozen=True)
class Choice:
    """Which candidate was chosen.

    Attributes:
        number: Its place in the list; 0 is the plain network.
        refused: Name of each candidate that is not allowed, with the reason.
        reason: Why this one, in plain words.
    """

    number: int
    refused: dict[str, str]
    reason: str


def choose(
    stand: Sequence[Standing], labelled: bool, steadier: Callable[[str, str], bool], protocols: Sequence[str]
) -> Choice:
    """Choose a candidate.

    Allowed is one whose accuracy the pictures do not show to be more than one point below the plain network's, and that
    changes its answer less often than that. Without labels, it may disagree with the plain network on the standard
    view as often as the plain network disagrees with itself under the protocols. Of the allowed ones the first is taken
    unless the pictures show a later one to be steadier.

    A network at chance is never chosen for its steadiness, for one that always gives the same answer is perfectly
    steady. Where the plain network is at chance, a candidate that is not need not be steadier than it.

    Args:
        stand: The candidates, the plain network first, then in the order of preference.
        labelled: Whether the pictures have labels.
        steadier: Whether the pictures show the first of two candidates to be steadier than the second.
        protocols: Labels of the protocols.
    """
    plain, *others = stand
    refused = {one.name: why for one in others if (why := _refusal(one, plain, labelled))}
    allowed = [one for one in others if one.name not in refused]
    if not plain.change and not plain.at_chance:
        none = f"The plain network changed none of its answers under {_listed(protocols)}; there is nothing to mend."
        return Choice(0, refused, none)
    if not allowed and plain.at_chance:
        return Choice(0, refused, f"The plain network is {AT_CHANCE}, and so is every other; none can be judged.")
    if not allowed:
        return Choice(0, refused, "Nothing helped without costing accuracy; the plain network is left as it is.")
    best = allowed[0]
    for one in allowed[1:]:
        if steadier(one.name, best.name):
            best = one
    return Choice(list(stand).index(best), refused, _reason(best, plain, labelled, protocols, best is allowed[0]))


def enough(chosen: Standing, plain: Standing) -> bool:
    """Whether a candidate that is not at chance changes at most half as many answers as the plain network.

    True where the plain network changes none, unless it is at chance.
    """
    return not chosen.at_chance and chosen.change <= ENOUGH * plain.change


def _refusal(one: Standing, plain: Standing, labelled: bool) -> str | None:
    loss = one.accuracy_difference
    if one.at_chance:
        return f"is {AT_CHANCE}"
    if labelled and loss.high < -POINT:
        return f"loses accuracy ({_signed(loss.mean)} [{_signed(loss.low)}, {_signed(loss.high)}])"
    if not labelled and 1 - one.accuracy > plain.change:
        return f"answers {1 - one.accuracy:.1%} of the pictures otherwise than the plain network"
    if one.change_difference.mean >= 0 and not plain.at_chance:
        return "is no steadier"
    return None


def _reason(best: Standing, plain: Standing, labelled: bool, protocols: Sequence[str], first: bool) -> str:
    changes = zip(protocols, best.changes, plain.changes, strict=True)
    steadiness = ", ".join(f"{now:.3f} under {label} (plain {before:.3f})" for label, now, before in changes)
    if labelled:
        loss = best.accuracy_difference
        cost = (
            f"its accuracy of {best.accuracy:.3f} is not shown to be more than a point below the plain network's "
            f"{plain.accuracy:.3f} (difference {_signed(loss.mean)} [{_signed(loss.low)}, {_signed(loss.high)}])"
        )
    else:
        cost = f"it answers {best.accuracy:.1%} of the pictures as the plain network does"
    rank = "no other is shown to be steadier" if first else "it is shown to be steadier than those above it"
    warning = f" The plain network is {AT_CHANCE}, so its steadiness says nothing." if plain.at_chance else ""
    return f"It changes its answer {steadiness}; {cost}; {rank}.{warning}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("0.", ".")


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
