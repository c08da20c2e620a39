"""How often a second something can be done."""

import time
from collections.abc import Callable

import torch

WARM_UP = 3


def rate(step: Callable[[], object], seconds: float) -> float:
    """Return how often a second a step is done, after some that do not count.

    Args:
        step: What is measured.
        seconds: How long.
    """
    for _ in range(WARM_UP):
        step()
    _wait()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds or not count:
        step()
        count += 1
        if count % 8 == 0:  # so that no more than a few steps are queued when the time is over
            _wait()
    _wait()
    return count / (time.perf_counter() - start)


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
