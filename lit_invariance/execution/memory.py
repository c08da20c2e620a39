"""Recognising out-of-memory errors."""

from pytorch_lightning.utilities.memory import is_oom_error


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that a device or the machine ran out of memory.

    Args:
        error: What was raised.
    """
    return isinstance(error, MemoryError) or is_oom_error(error)
