"""Telling an error of too little memory from others."""

from pytorch_lightning.utilities.memory import is_oom_error


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether the memory of a device or of the machine did not suffice.

    Args:
        error: What was raised.
    """
    return isinstance(error, MemoryError) or is_oom_error(error)
