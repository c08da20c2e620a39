import platform
import subprocess
import sys

import pytest

from lit_invariance.cli.allocator import OFF, keep_freed_memory

CODE = """
import resource, sys
from lit_invariance.cli.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
import torch
torch.set_num_threads(1)
for _ in range(20):  # small blocks settle between the large ones first
    torch.empty(48 << 20, dtype=torch.uint8).fill_(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.empty(48 << 20, dtype=torch.uint8).fill_(1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(mode):
    done = subprocess.run([sys.executable, "-c", CODE, mode], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is glibc's")
def test_a_block_that_is_freed_and_asked_for_again_costs_no_page_faults():
    assert page_faults("keep") < page_faults("leave") / 5


def test_the_environment_switches_it_off(monkeypatch):
    monkeypatch.setenv(OFF, "1")
    assert not keep_freed_memory()
