"""Inject every kind of fault and print what the program made of it: `python -m lit_invariance.experiments.reliability`.

Under 15 minutes on two cores. Exits with code 1 if anything failed: a traceback, no end, something lost or mixed.
"""

import logging
import multiprocessing
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from lit_invariance.errors import unknown
from lit_invariance.experiments.reliability.kinds import KINDS
from lit_invariance.experiments.reliability.mutations import Tally
from lit_invariance.parser import OneSentenceErrors, run_command


def make_parser() -> OneSentenceErrors:
    """Make the command's parser."""
    parser = OneSentenceErrors(prog="python -m lit_invariance.experiments.reliability", description="Inject faults.")
    parser.add_argument("--kinds", nargs="+", type=str, default=list(KINDS), help=f"Some of {', '.join(KINDS)}.")
    parser.add_argument("--share", type=float, default=1.0, help="Share of the cases, such as 0.01 for a look.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of all draws.")
    parser.add_argument("--processes", type=int, default=2, help="Processes that work side by side.")
    return parser


def reliability(args: Sequence[str] | None = None) -> None:
    """Inject faults and print the table.

    Args:
        args: Command-line arguments; None takes the process's own.

    Raises:
        UserError: If a kind is unknown.
        SystemExit: With code 1 if anything failed.
    """
    settings = make_parser().parse_args(args)
    for name in settings.kinds:
        if name not in KINDS:
            raise unknown("kind", name, KINDS)
    tallies = inject(settings.kinds, settings.share, settings.seed, settings.processes)
    print(table(tallies))
    for name, tally in tallies.items():
        for failure in tally.failures:
            print(f"{name}: {failure[:400]}")
    if any(tally.failures for tally in tallies.values()):
        sys.exit(1)


def inject(names: Sequence[str], share: float, seed: int, processes: int) -> dict[str, Tally]:
    """Inject kinds of faults.

    Args:
        names: Keys of `KINDS`.
        share: Share of each kind's cases.
        seed: Seed of all draws.
        processes: Processes that work side by side.

    Returns:
        What became of each kind.
    """
    tallies = {name: Tally() for name in names}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn, max_tasks_per_child=1) as pool:
        work = []
        for name in names:
            cases = max(1, round(KINDS[name].cases * share))
            parts = min(KINDS[name].parts, cases)
            for part in range(parts):
                count = cases // parts + (part < cases % parts)
                work.append((name, pool.submit(_part, name, count, seed + part)))
        for name, result in work:
            tally = result.result()
            tallies[name].outcomes += tally.outcomes
            tallies[name].failures += tally.failures
    return tallies


def _part(name: str, count: int, seed: int) -> Tally:
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        return KINDS[name].inject(Path(folder), count, seed)


def table(tallies: Mapping[str, Tally]) -> str:
    """Lay out what became of each kind, as `docs/reliability.md` holds it.

    Args:
        tallies: Name of a kind to what became of it.
    """
    lines = ["| fault or input | cases | outcome |", "|---|---:|---|"]
    for name, tally in tallies.items():
        counted = Counter(tally.outcomes)
        counted.setdefault("failed", 0)
        outcome = ", ".join(f"{number} {what}" for what, number in sorted(counted.items(), key=lambda pair: -pair[1]))
        lines.append(f"| {KINDS[name].what} | {tally.outcomes.total()} | {outcome} |")
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(reliability)
