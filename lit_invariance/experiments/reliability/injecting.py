"""Kinds of faults tried side by side in processes of their own, and the table of what became of each."""

import logging
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

from lit_invariance.experiments.reliability.kinds import KINDS
from lit_invariance.experiments.reliability.mutations import Tally


def inject(names: Sequence[str], share: float, seed: int, processes: int) -> Iterator[tuple[str, Tally]]:
    """Inject kinds of faults.

    Args:
        names: Keys of `KINDS`.
        share: Share of each kind's cases.
        seed: Seed of all draws.
        processes: Processes that work side by side.

    Yields:
        Each kind and what became of it, as soon as it is through.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lit_invariance.experiments.reliability.kinds"])
    with ProcessPoolExecutor(processes, mp_context=context, max_tasks_per_child=1) as pool:
        work: dict[str, list[Future[Tally]]] = {name: [] for name in names}
        for name in names:
            cases = max(1, round(KINDS[name].cases * share))
            parts = min(KINDS[name].parts, cases)
            for part in range(parts):
                count = cases // parts + (part < cases % parts)
                work[name].append(pool.submit(_part, name, count, seed + part))
        for name, parts_of in work.items():
            whole = Tally()
            for part_of in parts_of:
                tally = part_of.result()
                whole.outcomes += tally.outcomes
                whole.failures += tally.failures
            yield name, whole


def _part(name: str, count: int, seed: int) -> Tally:
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        return KINDS[name].inject(Path(folder), count, seed)


HEAD = "| fault or input | cases | outcome |\n|---|---:|---|"
"""Of the table that `docs/reliability.md` holds."""


def line(name: str, tally: Tally) -> str:
    """Return a kind's line of the table.

    Args:
        name: The kind.
        tally: What became of it.
    """
    counted = Counter(tally.outcomes)
    counted.setdefault("failed", 0)
    outcome = ", ".join(f"{number} {what}" for what, number in sorted(counted.items(), key=lambda pair: -pair[1]))
    return f"| {KINDS[name].what} | {tally.outcomes.total()} | {outcome} |"
