"""Kinds of faults tried side by side in processes of their own, and the table of what became of each."""

import logging
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from lit_invariance.experiments.reliability.kinds import KINDS
from lit_invariance.experiments.reliability.mutations import Tally


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
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lit_invariance.experiments.reliability.kinds"])
    with ProcessPoolExecutor(processes, mp_context=context, max_tasks_per_child=1) as pool:
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
