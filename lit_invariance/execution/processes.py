"""Recognising that another process has died, from what PyTorch then says."""

import re

DEAD_WORKER = re.compile(r"DataLoader worker \(pid")
# What gloo, NCCL and the store say of a process that is no longer there.
DEAD_PEER = re.compile(
    r"connection (closed|reset) by peer|broken pipe|remote process exited|connection was likely closed|failed to recv",
    re.IGNORECASE,
)


def is_dead_worker(error: BaseException) -> bool:
    """Return whether an error means that a process that loads pictures has died.

    Args:
        error: What was raised.
    """
    return bool(DEAD_WORKER.search(str(error)))


def is_dead_peer(error: BaseException) -> bool:
    """Return whether an error means that another process of a group on several devices has died.

    Args:
        error: What was raised.
    """
    return bool(DEAD_PEER.search(str(error)))
