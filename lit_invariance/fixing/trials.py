"""Making candidates and showing them held-out pictures, one after the other, with a line of progress for each."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from lit_invariance.errors import UserError
from lit_invariance.fixing.candidates import PLAIN, Arm, Candidate
from lit_invariance.fixing.held_out import measure
from lit_invariance.fixing.networks import make_network, with_inference
from lit_invariance.fixing.plan import Plan
from lit_invariance.fixing.tried import Tried
from lit_invariance.results.outcomes import Outcomes, beside, merge
from lit_invariance.training.checkpoint_files import BEST

Tell = Callable[[str], None]
Done = TypeVar("Done")


class Trials:
    """What was tried so far.

    Args:
        plan: The settings of the run.
        tried: Where finished networks and measurements are kept.
        held_out: Positions of the pictures that are held out together.
        pictures: Number of pictures to train on.
        tell: Takes each line of progress.

    Attributes:
        compared: The candidates so far, the plain network first.
    """

    def __init__(self, plan: Plan, tried: Tried, held_out: Sequence[Sequence[int]], pictures: int, tell: Tell) -> None:
        self.plan, self.tried, self.held_out, self.pictures, self.tell = plan, tried, held_out, pictures, tell
        self.compared: list[Candidate] = []
        self._parts: list[Outcomes] = []

    @property
    def outcomes(self) -> Outcomes:
        """The measurements of all candidates, a row for each held-out picture."""
        return beside(self._parts)

    def try_all(self, candidates: Sequence[Candidate]) -> None:
        """Train the networks of candidates without each fold in turn, and show that fold to them.

        A network whose training fails is left out with its candidates, unless it is the plain one.

        Args:
            candidates: The candidates; the very first one is the plain network.

        Raises:
            UserError: If the plain network cannot be trained, or a picture cannot be shown.
        """
        arms = list(dict.fromkeys(one.arm.name for one in candidates))
        by_name = {one.arm.name: one.arm for one in candidates}
        trained = {name for name in arms if self._trained(by_name[name])}
        able = [one for one in candidates if one.arm.name in trained]
        if able:
            self._parts.append(self._measured(able, len(self.compared)))
            self.compared += able

    def finish(self, chosen: Candidate, folder: Path) -> tuple[Path, Path]:
        """Train the plain and the chosen network on all pictures, and write them where the user finds them.

        Args:
            chosen: One of the candidates.
            folder: Where `plain.ckpt` and `best.ckpt` are written.

        Returns:
            Both paths.
        """
        plain, best = folder / f"{PLAIN}.ckpt", folder / BEST
        for candidate, path in ((self.compared[0], plain), (chosen, best)):
            arm = candidate.arm
            with_inference(self._network(arm, arm.name, None, "all pictures"), candidate.inference, path)
        return plain, best

    def _trained(self, arm: Arm) -> bool:
        self.tell(f"{arm.name + ':':<13}{arm.about}")
        try:
            for fold, positions in enumerate(self.held_out):
                rest = sorted(set(range(self.pictures)) - set(positions))
                self._network(arm, f"{arm.name}-{fold}", rest, f"part {fold + 1} of {len(self.held_out)}")
        except UserError as error:
            if arm.name == PLAIN:
                raise
            self.tell(f"             left out: {error}")
            return False
        return True

    def _network(self, arm: Arm, name: str, positions: Sequence[int] | None, what: str) -> Path:
        make = partial(make_network, self.plan, arm, positions=positions)
        if arm.trained:
            make = partial(self._timed, f"{arm.name} trained, {what}", make)
        return self.tried.network(name, make)

    def _measured(self, candidates: Sequence[Candidate], before: int) -> Outcomes:
        parts = []
        names = {one.arm.name for one in candidates}
        count = sum(map(len, self.held_out))
        for fold, positions in enumerate(self.held_out):
            networks = {name: self.tried.folder / f"{name}-{fold}.ckpt" for name in names}
            what = f"{len(candidates)} candidates measured, part {fold + 1} of {len(self.held_out)}"
            measuring = partial(measure, self.plan, candidates, networks, positions, count)
            parts.append(self.tried.outcomes(f"outcomes-{before}-{fold}", partial(self._timed, what, measuring)))
        return merge(parts)

    def _timed(self, what: str, do: Callable[..., Done], *args: Path) -> Done:
        """Do something and tell how long it took; what an earlier run has done already is not told again."""
        began = time.monotonic()
        done = do(*args)
        self.tell(f"             {what}: {time.monotonic() - began:.0f} s")
        return done
