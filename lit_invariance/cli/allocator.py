"""Keep glibc from handing every large activation back to the kernel, which costs half the time of a CPU step."""

import ctypes
import os
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
OFF = "LIT_INVARIANCE_DEFAULT_MALLOC"


def keep_freed_memory() -> bool:
    """Ask glibc to reuse freed memory instead of returning it; call it before the first tensor is made.

    glibc maps every block above 32 MiB at the most afresh and unmaps it when freed, so that each activation pays for
    its page faults again. Blocks up to 1 GiB now come from the heap, which is not trimmed below 2 GiB: a process may
    hold up to 2 GiB that it does not use at the moment. The environment variable `LIT_INVARIANCE_DEFAULT_MALLOC=1`
    leaves the allocator as it is.

    Returns:
        Whether the allocator was changed: on Linux with glibc, unless switched off.
    """
    if os.environ.get(OFF) == "1" or platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(M_MMAP_THRESHOLD, 1 << 30) and libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
