"""The candidates as a table for the terminal."""

from collections.abc import Sequence

from lit_invariance.fixing.choice import Choice
from lit_invariance.fixing.standings import Standing

GAP = "  "


def format_standings(stand: Sequence[Standing], choice: Choice, protocols: Sequence[str], labelled: bool) -> str:
    """Lay out what the candidates reached on the held-out pictures, and the choice.

    Args:
        stand: The candidates, the plain network first.
        choice: Which one was chosen.
        protocols: Labels of the protocols.
        labelled: Whether the pictures have labels.
    """
    head = [
        "held out",
        "accuracy" if labelled else "as plain",
        *(f"change, {name}" for name in protocols),
        "passes",
        "",
    ]
    rows = [head]
    for number, one in enumerate(stand):
        marks = ["chosen"] * (number == choice.number) + ["at chance"] * one.at_chance
        remark = choice.refused.get(one.name, ", ".join(marks))
        numbers = [f"{value:.3f}" for value in (one.accuracy, *one.changes)]
        rows.append([one.name, *numbers, f"{one.passes:.2f}", remark])
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = [GAP.join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, "", f"chosen:      {stand[choice.number].name}. {choice.reason}"])
