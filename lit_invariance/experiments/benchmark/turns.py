"""Measuring steps that take turns, so that another program on the machine slows all of them alike."""

import statistics
import time
from collections.abc import Callable, Mapping

import torch

WARM_UP = 1


def medians(steps: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each step; a first round is not counted.

    Args:
        steps: Name to what is measured.
        rounds: How often each takes its turn. The order changes from round to round.
    """
    times: dict[str, list[float]] = {name: [] for name in steps}
    names = list(steps)
    for number in range(rounds + WARM_UP):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            spent = seconds(steps[name])
            if number >= WARM_UP:
                times[name].append(spent)
    return {name: statistics.median(spent) for name, spent in times.items()}


def seconds(step: Callable[[], object]) -> float:
    """Return the time of one call, to the end of what it started on a GPU."""
    _wait()
    start = time.perf_counter()
    step()
    _wait()
    return time.perf_counter() - start


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
