import json
import platform
import subprocess
import sys

import pytest

from lit_invariance.cli.allocator import OFF, keep_freed_memory

# mallinfo2 counts the blocks mapped one by one (hblks) and the free bytes kept on the heap (fordblks).
CODE = """
import ctypes, json, sys
from lit_invariance.cli.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
names = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
State = type("State", (ctypes.Structure,), {"_fields_": [(name, ctypes.c_size_t) for name in names]})
libc = ctypes.CDLL(None)
libc.mallinfo2.restype, libc.malloc.restype, libc.free.argtypes = State, ctypes.c_void_p, [ctypes.c_void_p]
mapped = libc.mallinfo2().hblks
block = libc.malloc(48 << 20)
mapped = libc.mallinfo2().hblks - mapped
libc.free(block)
print(json.dumps([mapped, libc.mallinfo2().fordblks]))
"""


def after_a_large_block(mode):
    done = subprocess.run([sys.executable, "-c", CODE, mode], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or tuple(map(int, platform.libc_ver()[1].split("."))) < (2, 33),
    reason="the allocator is glibc's, and tells of itself from 2.33",
)
def test_a_large_block_that_is_freed_stays_with_the_process():
    mapped, free = after_a_large_block("leave")
    assert mapped == 1
    assert free < 48 << 20
    mapped, free = after_a_large_block("keep")
    assert mapped == 0
    assert free >= 48 << 20


def test_the_environment_switches_it_off(monkeypatch):
    monkeypatch.setenv(OFF, "1")
    assert not keep_freed_memory()
