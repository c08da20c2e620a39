"""Lanes: batches that run side by side on a processor, each on its share of the cores."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

import torch

MOST = 4
Result = TypeVar("Result")


def lanes_of(device: torch.device) -> int:
    """Return how many batches a device computes best side by side.

    On a processor two batches on one core each are faster than one batch on two cores, which wait for each other after
    every layer, and for whatever else runs on one of them. An accelerator takes one batch at a time.

    Args:
        device: The device.
    """
    return min(torch.get_num_threads(), MOST) if device.type == "cpu" else 1


class Lanes:
    """Runs work in several threads; PyTorch's own threads are divided among them as long as the lanes are open.

    A single lane runs its work at once, in the thread that gives it.

    Args:
        count: Number of lanes.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._threads = torch.get_num_threads()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> "Lanes":
        if self.count > 1:
            torch.set_num_threads(max(1, self._threads // self.count))  # new threads begin with this number
            self._pool = ThreadPoolExecutor(self.count, "lane")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give up what has not begun, and wait for what has."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
            torch.set_num_threads(self._threads)

    def run(self, work: Callable[[], Result]) -> "Future[Result]":
        """Start a piece of work.

        Args:
            work: Called once.

        Returns:
            What it will have returned or raised.
        """
        if self._pool is not None:
            return self._pool.submit(work)
        done: Future[Result] = Future()
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)
        return done
