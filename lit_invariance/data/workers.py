"""The processes that decode pictures for a loader: how many there are, and their setup."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.data import DataLoader

MOST_WORKERS = 8


def usual_workers() -> int:
    """Return the number of processes that decode where the user names none, at most `MOST_WORKERS`.

    One for each core beside a GPU; one for every two where the network computes on the same cores.
    """
    # Schedulers may give a job fewer cores than the machine has; not every system reports this.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores if torch.cuda.is_available() else max(1, cores // 2), MOST_WORKERS)


class WorkerLoader(DataLoader[Any]):
    """A loader whose worker processes take `begin_worker` as `worker_init_fn`.

    A fork makes PyTorch's own threads anew before any code of the worker runs. They would take a signal to end that is
    meant to wait, so that it is blocked already where the workers are started.
    """

    def __iter__(self) -> Any:
        """Start the workers, or wake those that persist, and iterate over the batches."""
        with _without_sigterm():
            return super().__iter__()


@contextmanager
def _without_sigterm() -> Iterator[None]:
    """Keep a SIGTERM waiting, in this thread and in what it starts."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows has none
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin_worker(number: int) -> None:
    """Use one core, and let the main process end this one; a `worker_init_fn` of a DataLoader.

    The workers already divide the cores, and OpenCV's own threads do not survive a fork. A terminal and a cluster
    send a signal to all processes at once, and without its workers the main process could not finish its batch.

    Args:
        number: Which worker this is, from 0.
    """
    import cv2

    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None and hasattr(signal, "sigwaitinfo"):  # macOS has none
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_when_told, args=(parent.pid,), daemon=True).start()


def _end_when_told(parent: int | None) -> None:
    """React only to the SIGTERM with which the main process ends its workers."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)
