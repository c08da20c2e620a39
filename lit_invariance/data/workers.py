"""What every process that decodes pictures for a loader begins with."""

import signal


def begin_worker(number: int) -> None:
    """Leave it to the main process to stop; a `worker_init_fn` of a DataLoader.

    A terminal and a cluster send a signal to all processes at once, and without its workers the main process could not
    finish its batch. It ends them when it leaves, and they end by themselves some seconds after it died.

    Args:
        number: Which worker this is, from 0.
    """
    for stopping in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stopping, signal.SIG_IGN)
