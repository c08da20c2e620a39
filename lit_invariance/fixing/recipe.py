"""The recipe: make candidates, judge them on held-out pictures, and write the best one as one checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pytorch_lightning.utilities import rank_zero_info

from lit_invariance.data.batch import Positioned
from lit_invariance.evaluation.fingerprint import data_fingerprint
from lit_invariance.fixing.candidates import stages
from lit_invariance.fixing.choice import Choice, choose, enough
from lit_invariance.fixing.folds import folds
from lit_invariance.fixing.plan import Plan
from lit_invariance.fixing.record import RECORD, write_record
from lit_invariance.fixing.standings import Standing, standings, steadier
from lit_invariance.fixing.table import format_standings
from lit_invariance.fixing.trials import Tell, Trials
from lit_invariance.fixing.tried import Tried


@dataclass(frozen=True)
class Fixed:
    """What a run of the recipe led to.

    Attributes:
        plain: The checkpoint of the plain network.
        best: The checkpoint of the chosen network, with what it does at inference inside.
        standings: The candidates on the held-out pictures, the plain network first.
        choice: Which of them was chosen, and why.
    """

    plain: Path
    best: Path
    standings: list[Standing]
    choice: Choice


def fix(plan: Plan, fine_tuned: bool, labelled: bool, folder: Path, tell: Tell = rank_zero_info) -> Fixed:
    """Make a network steadier, or leave it as it is.

    Every network is trained without the pictures that judge it. The chosen one is then trained once more on all of
    them. A run that is interrupted goes on from the networks and measurements that it has finished.

    Args:
        plan: The settings.
        fine_tuned: Whether the weights answer in the classes of the data already.
        labelled: Whether the pictures have labels.
        folder: Where `plain.ckpt`, `best.ckpt` and `fix.json` are written; it exists and is owned by this process.
        tell: Takes each line of progress.

    Returns:
        The checkpoints and the choice.

    Raises:
        UserError: If there are too few pictures, or a setting or a picture is not valid.
    """
    first, *_ = rounds = stages(fine_tuned, labelled)
    pictures = plan.data_for(first[0].arm).training_images()
    held_out = folds(pictures, plan.seed)
    trials = Trials(plan, Tried(folder, plan, data_fingerprint(Positioned(pictures))), held_out, len(pictures), tell)
    tell(_introduction(len(pictures), held_out))
    labels = [choice.label for choice in plan.protocols]
    for number, candidates in enumerate(rounds):
        trials.try_all(candidates)
        stand = standings(trials.outcomes, [one.name for one in trials.compared], labels, labelled)
        steady = partial(steadier, trials.outcomes, protocols=labels)
        choice = choose(stand, labelled, steady, labels)
        tell(f"\n{format_standings(stand, choice, labels, labelled)}\n")
        if enough(stand[choice.number], stand[0]):
            break
        if number + 1 < len(rounds):
            tell("That is less than half of the changes gone, so more is tried.")
    plain, best = trials.finish(trials.compared[choice.number], folder)
    write_record(stand, choice, labels, len(trials.outcomes.indices), folder / RECORD)
    trials.tried.remove()
    return Fixed(plain, best, stand, choice)


def _introduction(pictures: int, held_out: Sequence[Sequence[int]]) -> str:
    parts = (
        f"each is held out once, in {len(held_out)} parts, and judges networks that were trained without it"
        if len(held_out) > 1
        else f"{len(held_out[0])} of them are held out to judge networks that are trained without them"
    )
    return f"to judge:    {pictures} pictures; {parts}"
